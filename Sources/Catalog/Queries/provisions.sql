-- What a server offers for definitions that the connected role will create.
SELECT coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                            'name', v.name, 'version', v.version, 'isDefault', v.version = e.default_version,
                            'needsSuperuser', v.superuser
                                AND NOT coalesce(pg_catalog.to_jsonb(v) ->> 'trusted' = 'true', false),
                            'installedIn', n.nspname))
                 FROM pg_catalog.pg_available_extension_versions v
                 JOIN pg_catalog.pg_available_extensions e ON e.name = v.name
                 LEFT JOIN pg_catalog.pg_extension i ON i.extname = v.name
                 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = i.extnamespace), '[]'::json) AS extensions,
       coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                            'name', r.rolname, 'isSuperuser', r.rolsuper,
                            'mayGiveTo', pg_catalog.pg_has_role(r.oid, 'MEMBER'),
                            'mayCreateInPublic', coalesce(pg_catalog.has_schema_privilege(
                                r.oid, pg_catalog.to_regnamespace('public'), 'CREATE'), true)))
                 FROM pg_catalog.pg_roles r), '[]'::json) AS roles,
       (SELECT pg_catalog.json_agg(t.spcname) FROM pg_catalog.pg_tablespace t) AS tablespaces,
       (SELECT pg_catalog.json_agg(DISTINCT c.collname) FROM pg_catalog.pg_collation c
        WHERE c.collnamespace = 'pg_catalog'::pg_catalog.regnamespace) AS collations,
       (SELECT pg_catalog.json_agg(l.lanname) FROM pg_catalog.pg_language l) AS languages,
       -- Since PostgreSQL 16 members of this role may create subscriptions.
       coalesce((SELECT pg_catalog.pg_has_role(r.oid, 'USAGE') FROM pg_catalog.pg_roles r
                 WHERE r.rolname = 'pg_create_subscription'), false) AS may_create_subscriptions,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS is_superuser,
       (SELECT r.rolcreaterole FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS may_create_roles,
       (SELECT pg_catalog.pg_has_role(d.datdba, 'USAGE') FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database()) AS owns_database,
       (SELECT pg_catalog.json_agg(s.name) FROM pg_catalog.pg_settings s WHERE s.context = 'superuser') AS superuser_parameters
