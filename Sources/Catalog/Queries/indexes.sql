-- Every index with its constraint, if it has one, and with everything that decides whether it is really enforced.
SELECT i.indexrelid::bigint AS oid,
       i.indrelid::bigint AS table_oid,
       n.nspname AS schema,
       t.relname AS table_name,
       c.relname AS name,
       c.relkind::text AS kind,
       t.relkind::text AS table_kind,
       told.definition,
       i.indisunique AS is_unique,
       i.indisprimary AS is_primary,
       i.indisexclusion AS is_exclusion,
       i.indimmediate AS is_immediate,
       i.indisvalid AS is_valid,
       i.indisready AS is_ready,
       i.indislive AS is_live,
       i.indisclustered AS is_clustered,
       i.indisreplident AS is_replica_identity,
       -- A column since PostgreSQL 15. Converting the row to JSON is costly, so only where the definition has the words.
       CASE WHEN i.indisunique AND told.definition LIKE '%NULLS NOT DISTINCT%'
            THEN coalesce(pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct' = 'true', false)
            ELSE false END AS is_nulls_not_distinct,
       i.indpred IS NOT NULL AS is_partial,
       i.indexprs IS NOT NULL AS has_expressions,
       am.amname AS access_method,
       ts.spcname AS tablespace,
       pg_catalog.pg_get_expr(i.indexprs, i.indrelid) AS expressions,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       coalesce(pg_catalog.pg_relation_size(i.indexrelid), 0) AS bytes,
       (SELECT pg_catalog.json_agg((SELECT a.attname FROM pg_catalog.pg_attribute a
                                    WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[k.position]) ORDER BY k.position)
        FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS k(position)) AS key_columns,
       (SELECT h.inhparent::bigint FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid) AS parent_oid,
       -- Only expressions can have a statistics target (manual, ALTER INDEX).
       CASE WHEN i.indexprs IS NOT NULL THEN
           (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('column', a.attnum, 'target', a.attstattarget) ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0)
       END AS statistics_targets,
       x.extensions AS dependent_on_extensions,
       con.conname AS constraint_name,
       con.contype::text AS constraint_type,
       pg_catalog.pg_get_constraintdef(con.oid) AS constraint_definition,
       coalesce(con.condeferrable, false) AS is_deferrable,
       coalesce(con.condeferred, false) AS is_deferred
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS definition OFFSET 0) AS told
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = c.reltablespace
-- Extensions of ALTER INDEX ... DEPENDS ON EXTENSION.
LEFT JOIN (SELECT d.objid, pg_catalog.json_agg(e.extname ORDER BY e.extname) AS extensions
           FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
           WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'x'
             AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           GROUP BY d.objid) x ON x.objid = i.indexrelid
LEFT JOIN pg_catalog.pg_constraint con
       ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid AND con.contype IN ('p', 'u', 'x')
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND t.oid NOT IN (SELECT x.objid FROM pg_catalog.pg_depend x
                    WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.deptype = 'e')
  AND c.oid NOT IN (SELECT x.objid FROM pg_catalog.pg_depend x
                    WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.deptype = 'e')
ORDER BY n.nspname, t.relname, c.relname
