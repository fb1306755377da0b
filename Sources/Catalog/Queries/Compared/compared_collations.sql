-- Collations, and whether the library still has the recorded version.
SELECT 'collation' AS class, 'pg_catalog.pg_collation'::pg_catalog.regclass AS classid, c.oid AS objid, n.nspname AS schema,
       pg_catalog.format('%I.%I', n.nspname, c.collname) AS object, NULL::oid AS table_oid,
       pg_catalog.json_build_object(
           'provider', c.collprovider::text, 'deterministic', c.collisdeterministic::text,
           'locale', coalesce(x.j ->> 'colllocale', x.j ->> 'colliculocale', x.j ->> 'collcollate'),
           'character classes', coalesce(x.j ->> 'colllocale', x.j ->> 'colliculocale', x.j ->> 'collctype'),
           'rules', x.j ->> 'collicurules',
           'order', CASE WHEN c.collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(c.oid)
                         THEN 'made with another version of the library' ELSE 'as the library has it' END) AS attributes,
       pg_catalog.json_build_object(
           'order', pg_catalog.format('ALTER COLLATION %I.%I REFRESH VERSION', n.nspname, c.collname)) AS statements,
       NULL::text AS creation,
       pg_catalog.format('DROP COLLATION %I.%I', n.nspname, c.collname) AS removal
FROM pg_catalog.pg_collation c
JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(c) AS j) x
