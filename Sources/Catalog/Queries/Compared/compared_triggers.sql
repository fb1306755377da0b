-- Triggers with their state. A partition's copy of its parent's trigger is included only if its state differs.
SELECT 'trigger' AS class, 'pg_catalog.pg_trigger'::pg_catalog.regclass AS classid, t.oid AS objid, n.nspname AS schema,
       pg_catalog.format('%I on %I.%I', t.tgname, n.nspname, c.relname) AS object, c.oid AS table_oid,
       pg_catalog.json_build_object(
           'definition', CASE WHEN p.oid IS NULL THEN pg_catalog.pg_get_triggerdef(t.oid) END,
           'state', CASE t.tgenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END)
           AS attributes,
       pg_catalog.json_build_object(
           'state', pg_catalog.format('ALTER TABLE %I.%I %s TRIGGER %I', n.nspname, c.relname,
                                      CASE t.tgenabled WHEN 'O' THEN 'ENABLE' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                                                       ELSE 'ENABLE ALWAYS' END, t.tgname)) AS statements,
       CASE WHEN p.oid IS NULL THEN pg_catalog.pg_get_triggerdef(t.oid) END AS creation,
       pg_catalog.format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname) AS removal
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_trigger p ON p.oid = (pg_catalog.to_jsonb(t) ->> 'tgparentid')::oid
-- Before PostgreSQL 15 such a copy was marked internal, as triggers of foreign keys are.
WHERE (NOT t.tgisinternal AND p.oid IS NULL)
   OR (p.oid IS NOT NULL AND NOT p.tgisinternal AND t.tgenabled <> p.tgenabled)
UNION ALL
SELECT 'rule', 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid, n.nspname,
       pg_catalog.format('%I on %I.%I', r.rulename, n.nspname, c.relname), c.oid,
       pg_catalog.json_build_object(
           'definition', pg_catalog.pg_get_ruledef(r.oid),
           'state', CASE r.ev_enabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END),
       pg_catalog.json_build_object(
           'state', pg_catalog.format('ALTER TABLE %I.%I %s RULE %I', n.nspname, c.relname,
                                      CASE r.ev_enabled WHEN 'O' THEN 'ENABLE' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                                                        ELSE 'ENABLE ALWAYS' END, r.rulename)),
       pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';'),
       pg_catalog.format('DROP RULE %I ON %I.%I', r.rulename, n.nspname, c.relname)
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN'
