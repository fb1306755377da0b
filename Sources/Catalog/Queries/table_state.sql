-- What must not have changed when a chunk of a table is read. columns_digest is the same expression as in tables.sql.
SELECT pg_catalog.txid_current_snapshot()::text AS snapshot,
       c.oid::bigint AS oid,
       c.relkind::text AS kind,
       coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint AS file_node,
       (SELECT pg_catalog.md5(coalesce(pg_catalog.string_agg(
                   pg_catalog.format('%s %I %s %s %s %s', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation,
                                     a.attgenerated), ',' ORDER BY a.attnum), ''))
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns_digest
FROM pg_catalog.pg_class c
