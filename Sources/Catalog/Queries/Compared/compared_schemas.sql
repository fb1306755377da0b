-- Schemas. Their owners and privileges are compared with all other owners and privileges.
SELECT 'schema' AS class, 'pg_catalog.pg_namespace'::pg_catalog.regclass AS classid, n.oid AS objid, n.nspname AS schema,
       pg_catalog.quote_ident(n.nspname) AS object, NULL::oid AS table_oid,
       '{}'::json AS attributes, '{}'::json AS statements,
       pg_catalog.format('CREATE SCHEMA %I', n.nspname) AS creation,
       pg_catalog.format('DROP SCHEMA %I', n.nspname) AS removal
FROM pg_catalog.pg_namespace n
