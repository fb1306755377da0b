-- Extensions; their members are not compared one by one.
SELECT 'extension' AS class, 'pg_catalog.pg_extension'::pg_catalog.regclass AS classid, e.oid AS objid, NULL::text AS schema,
       pg_catalog.quote_ident(e.extname) AS object, NULL::oid AS table_oid,
       pg_catalog.json_build_object('version', e.extversion, 'schema', n.nspname) AS attributes,
       pg_catalog.json_build_object(
           'version', pg_catalog.format('ALTER EXTENSION %I UPDATE TO %L', e.extname, e.extversion),
           'schema', pg_catalog.format('ALTER EXTENSION %I SET SCHEMA %I', e.extname, n.nspname)) AS statements,
       pg_catalog.format('CREATE EXTENSION %I WITH SCHEMA %I', e.extname, n.nspname) AS creation,
       pg_catalog.format('DROP EXTENSION %I', e.extname) AS removal
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
-- Every database has plpgsql from the beginning, and pg_dump creates it only where it is missing; on some servers it was
-- recreated, which gives it an object id like any other.
WHERE e.extname <> 'plpgsql'
