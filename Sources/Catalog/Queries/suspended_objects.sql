-- Objects that act when rows of a table are written: the statements that put each out of action, and that restore it exactly.
-- fires: O for an application, R for a replica, A for both. table_oid, other_oid: the tables whose rows it looks at. A foreign key of a partitioned table is there for each partition.
SELECT o.off, o.back FROM (
SELECT 1 AS place, 'O' AS fires, f.conrelid AS table_oid, f.confrelid AS other_oid,
       pg_catalog.format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, con.conname) AS off,
       pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, con.conname,
                         pg_catalog.pg_get_constraintdef(con.oid))
       || coalesce(pg_catalog.format('; COMMENT ON CONSTRAINT %I ON %I.%I IS %L', con.conname, n.nspname, c.relname,
                                     pg_catalog.obj_description(con.oid, 'pg_constraint')), '') AS back
FROM pg_catalog.pg_constraint con
JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT con.conrelid, con.confrelid
    UNION
    SELECT p.relid, con.confrelid FROM pg_catalog.pg_partition_tree(con.conrelid) AS p
    UNION
    SELECT con.conrelid, p.relid FROM pg_catalog.pg_partition_tree(con.confrelid) AS p
) AS f
WHERE con.contype = 'f' AND con.conparentid = 0
UNION ALL
SELECT 2, t.tgenabled::text, t.tgrelid, NULL,
       pg_catalog.format('ALTER TABLE %I.%I DISABLE TRIGGER %I', n.nspname, c.relname, t.tgname),
       pg_catalog.format('ALTER TABLE %I.%I ENABLE %s TRIGGER %I', n.nspname, c.relname,
                         CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, t.tgname)
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal
UNION ALL
SELECT 3, r.ev_enabled::text, r.ev_class, NULL,
       pg_catalog.format('ALTER TABLE %I.%I DISABLE RULE %I', n.nspname, c.relname, r.rulename),
       pg_catalog.format('ALTER TABLE %I.%I ENABLE %s RULE %I', n.nspname, c.relname,
                         CASE r.ev_enabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, r.rulename)
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND c.relkind IN ('r', 'p')
) AS o
