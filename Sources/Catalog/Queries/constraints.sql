-- Every constraint of a table, including whether it is enforced.
--
-- Foreign keys and deferrable keys act by triggers, which a superuser can disable (ALTER TABLE t DISABLE TRIGGER ALL, as
-- pg_restore --disable-triggers does): then the constraint looks valid and checks nothing. On partitions, the triggers belong to
-- the partitions' own constraints.
WITH RECURSIVE without_trigger(oid) AS (
    SELECT t.tgconstraint FROM pg_catalog.pg_trigger t
    WHERE t.tgisinternal AND t.tgconstraint <> 0 AND t.tgenabled NOT IN ('O', 'A')
    UNION
    SELECT k.conparentid FROM without_trigger w JOIN pg_catalog.pg_constraint k ON k.oid = w.oid WHERE k.conparentid <> 0)
SELECT con.oid::bigint AS oid,
       con.conrelid::bigint AS table_oid,
       n.nspname AS schema,
       t.relname AS table_name,
       con.conname AS name,
       con.contype::text AS kind,
       pg_catalog.pg_get_constraintdef(con.oid) AS definition,
       con.convalidated AS is_validated,
       coalesce(pg_catalog.to_jsonb(con) ->> 'conenforced' = 'true', true)
           AND con.oid NOT IN (SELECT w.oid FROM without_trigger w) AS is_enforced,
       con.condeferrable AS is_deferrable,
       con.condeferred AS is_deferred,
       con.connoinherit AS is_no_inherit,
       con.conislocal AS is_local,
       nullif(con.conparentid, 0)::bigint AS parent_oid,
       t.relkind::text AS table_kind,
       -- A function declared immutable may read tables all the same, so its source is searched.
       con.contype = 'c' AND EXISTS (
           SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
           WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = con.oid
             AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid >= 16384
             AND (p.provolatile <> 'i' OR p.prosrc ~* '\mfrom\M'
                  OR pg_catalog.to_jsonb(p) ->> 'prosqlbody' IS NOT NULL)) AS may_read_tables,
       (SELECT x.description FROM pg_catalog.pg_description x
        WHERE x.objoid = con.oid AND x.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
          AND x.objsubid = 0) AS comment,
       rn.nspname AS referenced_schema,
       rt.relname AS referenced_table
FROM pg_catalog.pg_constraint con
JOIN pg_catalog.pg_class t ON t.oid = con.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_class rt ON rt.oid = con.confrelid
LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = rt.relnamespace
WHERE con.contype IN ('p', 'u', 'x', 'f', 'c')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                  WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = t.oid AND x.deptype = 'e')
ORDER BY n.nspname, t.relname, con.conname
