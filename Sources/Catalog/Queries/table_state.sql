-- The state of a table that must not have changed when a chunk is read.
SELECT pg_catalog.txid_current_snapshot()::text AS snapshot,
       c.oid::bigint AS oid,
       (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace) AS schema,
       c.relname AS name,
       c.relkind::text AS kind,
       -- The columns of table_meaning.sql come here.
       coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint AS file_node
FROM pg_catalog.pg_class c
