-- Existing schemas and extensions, and whether the connected role has their owner's rights.
SELECT 'schema' AS kind, n.nspname AS name, pg_catalog.quote_ident(n.nspname) AS quoted,
       pg_catalog.pg_has_role(n.nspowner, 'MEMBER') AS is_ours
FROM pg_catalog.pg_namespace n
WHERE n.nspname NOT IN ('public', 'information_schema', 'tidemark') AND n.nspname !~ '^pg_'
UNION ALL
SELECT 'extension', e.extname, pg_catalog.quote_ident(e.extname), pg_catalog.pg_has_role(e.extowner, 'MEMBER') FROM pg_catalog.pg_extension e
