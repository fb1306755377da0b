-- Objects on the tables of an adopted target that would act on copied rows or conflict with definitions created after the
-- rows: foreign keys, constraints that are not valid, triggers, rules, policies, statistics objects.
SELECT * FROM (
SELECT n.nspname AS schema, c.relname AS table_name, x.kind, x.name, x.statement, x.place
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT 1 AS place, 'foreign key' AS kind, con.conname AS name,
           pg_catalog.format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, con.conname) AS statement
    FROM pg_catalog.pg_constraint con
    WHERE con.conrelid = c.oid AND con.contype = 'f' AND con.conparentid = 0
    UNION ALL
    -- On the source, older rows may violate it; here it would reject them.
    SELECT 1, 'constraint that is not valid', con.conname,
           pg_catalog.format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, con.conname)
    FROM pg_catalog.pg_constraint con
    WHERE con.conrelid = c.oid AND con.contype IN ('c', 'n') AND NOT con.convalidated AND con.conislocal
      AND con.coninhcount = 0
    UNION ALL
    SELECT 2, 'trigger', t.tgname, pg_catalog.format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname)
    FROM pg_catalog.pg_trigger t
    WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
      AND coalesce((pg_catalog.to_jsonb(t) ->> 'tgparentid')::oid, 0) = 0
    UNION ALL
    SELECT 3, 'rule', r.rulename, pg_catalog.format('DROP RULE %I ON %I.%I', r.rulename, n.nspname, c.relname)
    FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'
    UNION ALL
    SELECT 4, 'policy', p.polname, pg_catalog.format('DROP POLICY %I ON %I.%I', p.polname, n.nspname, c.relname)
    FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid
    UNION ALL
    SELECT 5, 'statistics object', s.stxname, pg_catalog.format('DROP STATISTICS %I.%I', sn.nspname, s.stxname)
    FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace sn ON sn.oid = s.stxnamespace
    WHERE s.stxrelid = c.oid
) AS x
WHERE c.relkind IN ('r', 'p', 'v', 'm')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype = 'e')
UNION ALL
SELECT n.nspname, t.typname, 'constraint that is not valid', con.conname,
       pg_catalog.format('ALTER DOMAIN %I.%I DROP CONSTRAINT %I', n.nspname, t.typname, con.conname), 6
FROM pg_catalog.pg_constraint con
JOIN pg_catalog.pg_type t ON t.oid = con.contypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE NOT con.convalidated
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND e.objid = t.oid AND e.deptype = 'e')
) AS objects
ORDER BY place, schema, table_name, name
