-- Ordinary and partitioned tables, without their columns. Not included are tables of extensions and tables in the ledger's
-- schema and in system and temporary schemas.
SELECT c.oid::bigint AS oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind::text AS kind,
       c.relpersistence::text AS persistence,
       coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint AS file_node,
       (SELECT i.inhparent::bigint FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition) AS parent_oid,
       pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS partition_bound,
       (SELECT p.partstrat::text FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = c.oid) AS partition_strategy,
       -- NULL for an expression.
       (SELECT pg_catalog.json_agg(a.attname ORDER BY k.position)
        FROM pg_catalog.pg_partitioned_table p
        CROSS JOIN LATERAL pg_catalog.unnest(p.partattrs) WITH ORDINALITY AS k(number, position)
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number > 0
        WHERE p.partrelid = c.oid) AS partition_columns,
       coalesce(
           (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('schema', pn.nspname, 'name', pc.relname)
                                       ORDER BY i.inhseqno)
            FROM pg_catalog.pg_inherits i
            JOIN pg_catalog.pg_class pc ON pc.oid = i.inhparent
            JOIN pg_catalog.pg_namespace pn ON pn.oid = pc.relnamespace
            WHERE i.inhrelid = c.oid AND NOT c.relispartition), '[]'::json) AS inherited_tables,
       -- The columns of table_meaning.sql come here.
       pg_catalog.row_security_active(c.oid) AS is_row_security_active,
       size.heap_bytes,
       -- pg_table_size would check eight more files for each table; the maps are small compared with the rows.
       size.heap_bytes + coalesce(CASE WHEN c.reltoastrelid <> 0 THEN pg_catalog.pg_relation_size(c.reltoastrelid) END, 0)
           AS table_bytes,
       greatest(c.reltuples, 0)::bigint AS estimated_rows,
       pg_catalog.pg_stat_get_tuples_inserted(c.oid) AS rows_inserted,
       pg_catalog.pg_stat_get_tuples_updated(c.oid) + pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS rows_changed,
       pg_catalog.has_table_privilege(c.oid, 'SELECT')
       AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AS is_readable,
       -- Filled in from columns.sql.
       '[]'::json AS columns
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS heap_bytes OFFSET 0) AS size
WHERE c.relkind IN ('r', 'p')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                  WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid AND x.deptype = 'e')
ORDER BY n.nspname, c.relname
