-- Facts other than definitions and rows that decide how a database works once it is open.
WITH RECURSIVE above_foreign(oid) AS (
    SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class f ON f.oid = i.inhrelid AND f.relkind = 'f'
    UNION
    SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above_foreign a ON a.oid = i.inhrelid),
writer(oid) AS MATERIALIZED (
    SELECT w.relowner FROM pg_catalog.pg_class w
    WHERE w.relkind IN ('r', 'p') AND w.oid >= 16384 AND w.relnamespace::pg_catalog.regnamespace::text <> 'tidemark'
    UNION
    SELECT a.grantee FROM pg_catalog.pg_class w CROSS JOIN LATERAL pg_catalog.aclexplode(w.relacl) a
    WHERE w.relkind IN ('r', 'p') AND w.oid >= 16384 AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE') AND a.grantee <> 0),
    -- pg_stats shows nothing for tables with active row security.
    without_statistics(schema, name, was_empty) AS MATERIALIZED (
     SELECT n.nspname, c.relname, c.reltuples = 0
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND pg_catalog.pg_relation_size(c.oid) > 0
       AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tidemark')
       AND NOT pg_catalog.row_security_active(c.oid)
       -- Tables of extensions often belong to a superuser.
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                       WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid AND x.deptype = 'e')
       AND EXISTS (SELECT FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget IS DISTINCT FROM 0
                     AND a.attgenerated <> 'v') -- ANALYZE passes these over
       AND (n.nspname, c.relname) NOT IN (SELECT s.schemaname, s.tablename FROM pg_catalog.pg_stats s))
SELECT
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('schema', w.schema, 'name', w.name) ORDER BY w.schema, w.name), '[]')
     FROM without_statistics w WHERE NOT w.was_empty) AS without_statistics,
    -- Empty when it was last looked at (VACUUM, ANALYZE): either it is, with space of deleted rows, or it was filled since.
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('schema', w.schema, 'name', w.name) ORDER BY w.schema, w.name), '[]')
     FROM without_statistics w WHERE w.was_empty) AS perhaps_empty,
    -- Larger tables whose visibility map is mostly empty, so that index-only scans also read the table.
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname)
                                         ORDER BY c.relpages DESC), '[]')
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND c.relpages > 1000 AND c.relallvisible < c.relpages / 2
       AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tidemark')
    ) AS not_vacuumed,
    -- Tables whose rows must be frozen soon (PostgreSQL manual 25.1.5).
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname)
                                         ORDER BY pg_catalog.age(c.relfrozenxid) DESC), '[]')
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND pg_catalog.age(c.relfrozenxid) > 1000000000
       AND n.nspname NOT IN ('tidemark')
    ) AS near_wraparound,
    -- Tables on which an INSERT runs code of the application, or that have foreign tables below them: a query of such a table
    -- reads another server, and an INSERT may write there.
    (SELECT coalesce(pg_catalog.json_agg(x.oid), '[]')
     FROM (SELECT t.tgrelid::bigint AS oid FROM pg_catalog.pg_trigger t
           WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 4 <> 0
           UNION
           SELECT r.ev_class::bigint FROM pg_catalog.pg_rewrite r WHERE r.ev_type = '3' AND r.ev_enabled <> 'D'
           UNION
           SELECT f.oid::bigint FROM above_foreign f) x
    ) AS with_insert_code,
    -- Settings that are sometimes turned off to load faster and must not stay off, with the values of a new session.
    (SELECT coalesce(pg_catalog.json_object_agg(s.name, s.reset_val), '{}')
     FROM pg_catalog.pg_settings s
     WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum', 'track_counts',
                      'session_replication_role', 'default_transaction_read_only', 'zero_damaged_pages',
                      'ignore_checksum_failure', 'ignore_system_indexes')
    ) AS settings,
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
                'name', r.rolname,
                'mayConnect', r.rolcanlogin AND r.rolconnlimit <> 0
                               AND coalesce(r.rolvaliduntil > pg_catalog.now(), true)
                               AND pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT'),
                'loginObstacle', CASE WHEN NOT r.rolcanlogin THEN 'NOLOGIN'
                                      WHEN r.rolvaliduntil <= pg_catalog.now() THEN 'VALID UNTIL'
                                      WHEN r.rolconnlimit = 0 THEN 'CONNECTION LIMIT'
                                      WHEN NOT pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT') THEN 'CONNECT' END,
                'isWriter', r.rolcanlogin AND NOT r.rolsuper
                            AND EXISTS (SELECT FROM writer w WHERE pg_catalog.pg_has_role(r.oid, w.oid, 'USAGE')),
                'isSuperuser', r.rolsuper,
                -- Since PostgreSQL 16 a role's creator is a member that may only hand the membership on.
                'groups', (SELECT coalesce(pg_catalog.json_agg(g.rolname), '[]')
                           FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
                           WHERE m.member = r.oid
                             AND coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean
                                          OR (pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, true)))), '[]')
     FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
     WHERE d.datname = pg_catalog.current_database() AND r.rolname !~ '^pg_'
    ) AS roles,
    -- By the roles' own settings, in this database or in all; settings of the database itself do not count (manual, ALTER ROLE).
    (SELECT coalesce(pg_catalog.json_agg(r.rolname ORDER BY r.rolname), '[]')
     FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
     WHERE d.datname = pg_catalog.current_database() AND r.rolcanlogin
       AND (SELECT c.setting FROM pg_catalog.pg_db_role_setting s CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
            WHERE s.setrole = r.oid AND s.setdatabase IN (0, d.oid) AND c.setting ~* '^default_transaction_read_only='
            ORDER BY s.setdatabase DESC LIMIT 1) ~* '=(on|1|t(r(ue?)?)?|y(es?)?)$'
       AND EXISTS (SELECT FROM writer w WHERE pg_catalog.pg_has_role(r.oid, w.oid, 'USAGE'))
    ) AS closed_roles,
    -- Scans since the statistics were reset.
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
                'schema', u.schemaname, 'name', u.indexrelname, 'table', u.relname, 'scans', u.idx_scan)
                ORDER BY u.idx_scan DESC), '[]')
     FROM (SELECT s.schemaname, s.indexrelname, s.relname, s.idx_scan
           FROM pg_catalog.pg_stat_user_indexes s
           WHERE s.idx_scan > 0 AND s.schemaname <> 'tidemark'
             -- Indexes of extensions are created by CREATE EXTENSION.
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                             WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = s.relid
                               AND e.deptype = 'e')
           ORDER BY s.idx_scan DESC, s.indexrelid LIMIT 10) u
    ) AS most_used_indexes
