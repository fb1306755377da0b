-- Statistics objects.
SELECT 'statistics object' AS class, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AS classid, s.oid AS objid,
       n.nspname AS schema, pg_catalog.format('%I.%I', n.nspname, s.stxname) AS object, s.stxrelid AS table_oid,
       pg_catalog.json_build_object(
           'definition', pg_catalog.pg_get_statisticsobjdef(s.oid),
           'statistics target', nullif(coalesce(pg_catalog.to_jsonb(s) ->> 'stxstattarget', '-1'), '-1')) AS attributes,
       pg_catalog.json_build_object(
           'statistics target', pg_catalog.format('ALTER STATISTICS %I.%I SET STATISTICS %s', n.nspname, s.stxname,
                                                  coalesce(pg_catalog.to_jsonb(s) ->> 'stxstattarget', '-1'))) AS statements,
       pg_catalog.pg_get_statisticsobjdef(s.oid) AS creation,
       pg_catalog.format('DROP STATISTICS %I.%I', n.nspname, s.stxname) AS removal
FROM pg_catalog.pg_statistic_ext s
JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
