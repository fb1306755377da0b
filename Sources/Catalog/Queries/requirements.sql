-- The requirements of the source's definitions for the target's server.
WITH members AS (SELECT x.classid, x.objid FROM pg_catalog.pg_depend x WHERE x.deptype = 'e'),
     own_schemas AS (SELECT n.oid FROM pg_catalog.pg_namespace n
                     WHERE n.nspname NOT IN ('information_schema', 'tidemark') AND n.nspname !~ '^pg_'
                       AND NOT EXISTS (SELECT FROM members m
                                       WHERE m.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND m.objid = n.oid)),
     superuser_objects (kind, omission, name) AS (
         SELECT 'base type', NULL, pg_catalog.format('%I.%I', n.nspname, t.typname)
         FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
         WHERE t.typtype = 'b' AND t.typisdefined AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
           AND n.oid IN (SELECT oid FROM own_schemas)
           AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND m.objid = t.oid)
         UNION ALL
         SELECT CASE WHEN p.proleakproof THEN 'LEAKPROOF function' ELSE 'function in language ' || l.lanname END, NULL,
                pg_catalog.format('%I.%I', n.nspname, p.proname)
         FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
         JOIN pg_catalog.pg_language l ON l.oid = p.prolang
         WHERE (p.proleakproof OR (NOT l.lanpltrusted AND l.lanname <> 'sql' AND p.prokind <> 'a'))
           AND n.oid IN (SELECT oid FROM own_schemas)
           AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND m.objid = p.oid)
           -- Constructors of range types are created with the type.
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                           WHERE x.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND x.objid = p.oid AND x.deptype = 'i')
         UNION ALL
         SELECT 'operator class', NULL, pg_catalog.format('%I.%I', n.nspname, o.opcname)
         FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
         WHERE n.oid IN (SELECT oid FROM own_schemas)
           AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass AND m.objid = o.oid)
         UNION ALL
         SELECT 'text search parser', NULL, pg_catalog.format('%I.%I', n.nspname, o.prsname)
         FROM pg_catalog.pg_ts_parser o JOIN pg_catalog.pg_namespace n ON n.oid = o.prsnamespace
         WHERE n.oid IN (SELECT oid FROM own_schemas)
           AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_ts_parser'::pg_catalog.regclass AND m.objid = o.oid)
         UNION ALL
         SELECT 'text search template', NULL, pg_catalog.format('%I.%I', n.nspname, o.tmplname)
         FROM pg_catalog.pg_ts_template o JOIN pg_catalog.pg_namespace n ON n.oid = o.tmplnamespace
         WHERE n.oid IN (SELECT oid FROM own_schemas)
           AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_ts_template'::pg_catalog.regclass AND m.objid = o.oid)
         UNION ALL
         -- Built-in objects have ids below 16384.
         SELECT 'access method', NULL, o.amname::text FROM pg_catalog.pg_am o
         WHERE o.oid >= 16384
           AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_am'::pg_catalog.regclass AND m.objid = o.oid)
         UNION ALL
         SELECT 'cast without a function', NULL,
                pg_catalog.format_type(o.castsource, NULL) || ' AS ' || pg_catalog.format_type(o.casttarget, NULL)
         FROM pg_catalog.pg_cast o
         WHERE o.oid >= 16384 AND o.castmethod = 'b'
           AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND m.objid = o.oid)
         UNION ALL
         SELECT 'foreign data wrapper', NULL, o.fdwname::text FROM pg_catalog.pg_foreign_data_wrapper o
         WHERE NOT EXISTS (SELECT FROM members m
                           WHERE m.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass AND m.objid = o.oid)
         UNION ALL
         SELECT 'event trigger', 'event-triggers', o.evtname::text FROM pg_catalog.pg_event_trigger o
         WHERE NOT EXISTS (SELECT FROM members m
                           WHERE m.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND m.objid = o.oid)
         UNION ALL
         SELECT 'publication of all tables', 'publications', o.pubname::text
         FROM pg_catalog.pg_publication o WHERE o.puballtables
         UNION ALL
         SELECT 'publication of a schema', 'publications', o.pubname::text FROM pg_catalog.pg_publication o
         WHERE pg_catalog.to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL
           AND EXISTS (SELECT FROM pg_catalog.pg_depend d
                       WHERE d.refclassid = 'pg_catalog.pg_publication'::pg_catalog.regclass AND d.refobjid = o.oid
                         AND d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')))
SELECT coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                            'name', e.extname, 'version', e.extversion, 'schema', n.nspname) ORDER BY e.extname)
                 FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace), '[]'::json) AS extensions,
       -- Roles that own something, have rights or are named in policies; without the bootstrap superuser's initial rights.
       coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                            'name', r.rolname, 'isOwner', s.is_owner, 'ownsInPublic',
                            EXISTS (SELECT FROM pg_catalog.pg_class c
                                    WHERE c.relowner = r.oid
                                      AND c.relnamespace = pg_catalog.to_regnamespace('public'))) ORDER BY r.rolname)
                 FROM (SELECT d.refobjid, pg_catalog.bool_or(d.deptype = 'o') AS is_owner
                       FROM pg_catalog.pg_shdepend d
                       WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype IN ('o', 'a', 'r')
                         AND d.dbid = (SELECT b.oid FROM pg_catalog.pg_database b
                                       WHERE b.datname = pg_catalog.current_database())
                         AND NOT EXISTS (SELECT FROM members m WHERE m.classid = d.classid AND m.objid = d.objid)
                       GROUP BY d.refobjid) s
                 JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid), '[]'::json) AS roles,
       -- Objects of the bootstrap superuser are not in pg_shdepend.
       EXISTS (SELECT FROM pg_catalog.pg_class c
               WHERE c.relowner = 10 AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                 AND c.relnamespace IN (SELECT oid FROM own_schemas)
                 AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid))
           AS has_objects_of_bootstrap,
       pg_catalog.pg_get_userbyid(10)::text AS bootstrap_role,
       EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public' AND n.nspowner = 10) AS bootstrap_owns_public,
       coalesce((SELECT pg_catalog.json_agg(DISTINCT t.spcname)
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace
                 WHERE c.relnamespace IN (SELECT oid FROM own_schemas)), '[]'::json) AS tablespaces,
       coalesce((SELECT pg_catalog.json_agg(DISTINCT co.collname)
                 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
                 JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
                 WHERE co.collnamespace = 'pg_catalog'::pg_catalog.regnamespace AND co.collname NOT IN ('default', 'C', 'POSIX')
                   AND c.relnamespace IN (SELECT oid FROM own_schemas)), '[]'::json) AS collations,
       coalesce((SELECT pg_catalog.json_agg(l.lanname) FROM pg_catalog.pg_language l
                 WHERE l.oid >= 16384
                   AND NOT EXISTS (SELECT FROM members m
                                   WHERE m.classid = 'pg_catalog.pg_language'::pg_catalog.regclass AND m.objid = l.oid)), '[]'::json) AS languages,
       coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object('kind', o.kind, 'omission', o.omission, 'name', o.name)
                            ORDER BY o.kind, o.name) FROM superuser_objects o), '[]'::json) AS superuser_objects,
       coalesce((SELECT pg_catalog.json_agg(s.subname ORDER BY s.subname) FROM pg_catalog.pg_subscription s
                 WHERE s.subdbid = (SELECT b.oid FROM pg_catalog.pg_database b
                                    WHERE b.datname = pg_catalog.current_database())), '[]'::json) AS subscriptions,
       -- CHECK constraints with functions that may read tables: rows are checked while other tables are still empty.
       coalesce((SELECT pg_catalog.json_agg(DISTINCT pg_catalog.format('%I on %I.%I calls %I.%I', con.conname, n.nspname,
                                                                       c.relname, pn.nspname, p.proname))
                 FROM pg_catalog.pg_constraint con
                 JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                      AND d.objid = con.oid AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                 JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
                 JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace
                 WHERE con.contype = 'c' AND con.convalidated AND p.provolatile <> 'i'
                   AND pn.oid IN (SELECT oid FROM own_schemas)), '[]'::json) AS calling_checks,
       (SELECT count(*) FROM pg_catalog.pg_user_mappings u
        WHERE u.umoptions IS NULL AND NOT pg_catalog.pg_has_role(
                  (SELECT s.srvowner FROM pg_catalog.pg_foreign_server s WHERE s.oid = u.srvid), 'USAGE')) AS hidden_user_mappings,
       (SELECT count(*) FROM pg_catalog.pg_replication_slots s
        WHERE s.database = pg_catalog.current_database()) AS replication_slots,
       (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata m
        WHERE pg_catalog.current_setting('lo_compat_privileges') = 'off'
          AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
          AND NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')
          AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(m.lomacl) x
                          WHERE x.privilege_type = 'SELECT'
                            AND (x.grantee = 0 OR pg_catalog.pg_has_role(x.grantee, 'USAGE')))) AS unreadable_large_objects,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS is_superuser
