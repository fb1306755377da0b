-- The populated materialized views of the target, with a digest of what they would be made from if they were refreshed now:
-- their queries, the tables these read, directly or through other views, the tables' files, and the rows this run has
-- written to them. The
-- digest is NULL if something else may decide: tables that this run does not copy, functions whose result may change (all
-- but built-in ones), the time, a sample.
WITH RECURSIVE rule AS MATERIALIZED (
    SELECT c.oid AS view, r.ev_action::pg_catalog.text AS action
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1'
    WHERE c.relkind IN ('v', 'm') AND c.oid >= 16384
), used AS MATERIALIZED (
    SELECT rule.view AS reader, m[1]::pg_catalog.oid AS relation
    FROM rule, pg_catalog.regexp_matches(rule.action, ':relid (\d+)', 'g') AS m
    WHERE m[1]::pg_catalog.oid NOT IN (rule.view, 0)
    UNION
    -- Whoever reads a table reads its partitions and children.
    SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i
), function AS MATERIALIZED (
    SELECT rule.view AS caller, m[2]::pg_catalog.oid AS oid
    FROM rule, pg_catalog.regexp_matches(rule.action, ':(funcid|aggfnoid|winfnoid) (\d+)', 'g') AS m
    UNION
    SELECT rule.view, o.oprcode::pg_catalog.oid
    FROM rule, pg_catalog.regexp_matches(rule.action, ':opno (\d+)', 'g') AS m
    JOIN pg_catalog.pg_operator o ON o.oid = m[1]::pg_catalog.oid
), unsteady AS MATERIALIZED (
    SELECT f.caller AS view
    FROM function f LEFT JOIN pg_catalog.pg_proc p ON p.oid = f.oid
    WHERE f.oid >= 16384
       OR p.provolatile IS DISTINCT FROM 'i'
          -- Those that depend only on the time zone, which is the same in all sessions of a run.
          AND NOT (p.provolatile = 's'
                   AND p.proname ~ '^(date_trunc|date_part|extract|timezone|date|timestamp|timestamptz|timestamptz_.*|(date|timestamp)_(lt|le|eq|ge|gt|ne|cmp)_timestamptz|interval_pl_timestamptz)$')
    UNION
    SELECT rule.view FROM rule
    WHERE rule.action ~ '\{(SQLVALUEFUNCTION|COERCEVIAIO|NEXTVALUEEXPR|TABLESAMPLECLAUSE|ROWCOMPAREEXPR|TABLEFUNC|XMLEXPR|JSON)'
), reached AS (
    SELECT c.oid AS view, c.oid AS relation FROM pg_catalog.pg_class c WHERE c.relkind = 'm' AND c.oid >= 16384
    UNION
    SELECT reached.view, used.relation FROM reached JOIN used ON used.reader = reached.relation
), written AS MATERIALIZED (
    SELECT r.schema_name, r.table_name, sum(c.inserted_rows)::bigint AS inserted, sum(c.deleted_rows)::bigint AS deleted
    FROM tidemark.relation r JOIN tidemark.chunk c USING (relation_id) GROUP BY 1, 2
)
SELECT vn.nspname AS schema, v.relname AS name,
       CASE WHEN pg_catalog.bool_and(
                CASE c.relkind WHEN 'r' THEN w.inserted IS NOT NULL
                               WHEN 'p' THEN true
                               WHEN 'v' THEN c.oid >= 16384
                               WHEN 'm' THEN c.oid >= 16384 AND c.relispopulated
                               ELSE false END
                AND NOT EXISTS (SELECT FROM unsteady u WHERE u.view = c.oid))
            THEN pg_catalog.md5(pg_catalog.string_agg(
                pg_catalog.concat_ws(' ', c.oid, pg_catalog.md5(rule.action),
                                     CASE c.relkind WHEN 'r' THEN pg_catalog.pg_relation_filenode(c.oid) END,
                                     w.inserted, w.deleted),
                ',' ORDER BY c.oid)) END AS made_from,
       k.made_from AS kept,
       (SELECT pg_catalog.concat('pass ', run.pass) FROM tidemark.run) AS pass
FROM reached
JOIN pg_catalog.pg_class v ON v.oid = reached.view AND v.relispopulated
JOIN pg_catalog.pg_namespace vn ON vn.oid = v.relnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = reached.relation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN written w ON w.schema_name = n.nspname AND w.table_name = c.relname AND c.relkind = 'r'
LEFT JOIN rule ON rule.view = c.oid
LEFT JOIN tidemark.refreshed_view k ON k.schema_name = vn.nspname AND k.view_name = v.relname
GROUP BY vn.nspname, v.relname, k.made_from
