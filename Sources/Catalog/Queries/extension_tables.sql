-- Tables and sequences of extensions with rows that belong to the database (manual, pg_extension_config_dump), in the order
-- in which the extension lists them.
SELECT e.extname AS extension,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind::text AS kind,
       coalesce(e.extcondition[k.position], '') AS condition,
       coalesce((SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum)
                 FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '[]'::json) AS columns,
       -- Tables whose rows must be inserted before and deleted after these.
       coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object('schema', rn.nspname, 'name', r.relname))
                 FROM (SELECT DISTINCT f.confrelid FROM pg_catalog.pg_constraint f
                       WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) f
                 JOIN pg_catalog.pg_class r ON r.oid = f.confrelid
                 JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace), '[]'::json) AS referenced,
       CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                      ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') AND NOT pg_catalog.row_security_active(c.oid)
       END AS is_readable
FROM pg_catalog.pg_extension e
CROSS JOIN LATERAL pg_catalog.unnest(e.extconfig) WITH ORDINALITY AS k(relation, position)
JOIN pg_catalog.pg_class c ON c.oid = k.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S')
ORDER BY e.extname, k.position
