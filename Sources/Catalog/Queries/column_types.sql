-- The columns of ordinary and partitioned tables with their types, by table.
SELECT n.nspname AS schema, c.relname AS name,
       pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod))) AS types
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND n.nspname !~ '^pg_(toast|temp)'
GROUP BY n.nspname, c.relname
