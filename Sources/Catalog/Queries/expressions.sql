-- Expressions computed for each written row: stored generated columns and valid CHECK constraints.
SELECT 'column' AS kind, n.nspname AS table_schema, c.relname AS table_name,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) || '.' || pg_catalog.quote_ident(a.attname) AS name,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
FROM pg_catalog.pg_attrdef d
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attgenerated = 's' AND c.relkind = 'r'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
UNION ALL
SELECT 'check constraint', n.nspname, c.relname,
       pg_catalog.quote_ident(k.conname) || ' on ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       pg_catalog.pg_get_expr(k.conbin, k.conrelid)
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND k.convalidated AND c.relkind = 'r' AND k.coninhcount = 0
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
ORDER BY 1, 2, 3, 4
