-- Materialized views, each after those it depends on.
WITH RECURSIVE uses AS (
    SELECT DISTINCT r.ev_class AS view, d.refobjid AS used
    FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
    JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
    JOIN pg_catalog.pg_class u ON u.oid = d.refobjid AND u.relkind IN ('v', 'm')
), depth AS (
    SELECT c.oid AS view, 0 AS level FROM pg_catalog.pg_class c WHERE c.relkind IN ('v', 'm')
    UNION
    SELECT uses.view, depth.level + 1 FROM uses JOIN depth ON depth.view = uses.used
)
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relispopulated AS is_populated,
       (SELECT max(level) FROM depth WHERE depth.view = c.oid) AS level
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                  WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid AND x.deptype = 'e')
ORDER BY level, n.nspname, c.relname
