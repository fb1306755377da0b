-- Foreign-data wrappers, servers, user mappings and foreign tables; options sorted by name, as printed by pg_dump.
SELECT 'foreign-data wrapper' AS class, 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass AS classid, w.oid AS objid,
       NULL::text AS schema, pg_catalog.quote_ident(w.fdwname) AS object, NULL::oid AS table_oid,
       pg_catalog.json_build_object(
           'handler', nullif(w.fdwhandler, 0)::pg_catalog.regproc::text,
           'validator', nullif(w.fdwvalidator, 0)::pg_catalog.regproc::text,
           'options', (SELECT pg_catalog.string_agg(o.option_name || '=' || o.option_value, ', ' ORDER BY o.option_name COLLATE "C")
                       FROM pg_catalog.pg_options_to_table(w.fdwoptions) o)) AS attributes,
       '{}'::json AS statements, NULL::text AS creation,
       pg_catalog.format('DROP FOREIGN DATA WRAPPER %I', w.fdwname) AS removal
FROM pg_catalog.pg_foreign_data_wrapper w
UNION ALL
SELECT 'server', 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, s.oid, NULL, pg_catalog.quote_ident(s.srvname), NULL,
       pg_catalog.json_build_object('wrapper', w.fdwname, 'type', s.srvtype, 'version', s.srvversion,
                                    'options', (SELECT pg_catalog.string_agg(o.option_name || '=' || o.option_value, ', ' ORDER BY o.option_name COLLATE "C")
                       FROM pg_catalog.pg_options_to_table(s.srvoptions) o)),
       '{}', NULL, pg_catalog.format('DROP SERVER %I', s.srvname)
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
UNION ALL
-- Options may contain passwords, so only their names are compared. The view shows them to some roles only (its definition in
-- system_views.sql), and hidden ones look like none.
SELECT 'user mapping', 'pg_catalog.pg_user_mapping'::pg_catalog.regclass, m.umid, NULL,
       pg_catalog.format('%s on %I', CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(m.usename) END, m.srvname), NULL,
       pg_catalog.json_build_object('options', CASE WHEN
           (SELECT r.rolsuper OR m.umuser = 0 AND pg_catalog.pg_has_role(s.srvowner, 'USAGE')
                   OR m.umuser <> 0 AND m.usename = CURRENT_USER
                      AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE') OR pg_catalog.has_server_privilege(s.oid, 'USAGE'))
            FROM pg_catalog.pg_roles r, pg_catalog.pg_foreign_server s WHERE r.rolname = CURRENT_USER AND s.oid = m.srvid)
           THEN coalesce((SELECT pg_catalog.string_agg(o.option_name, ', ' ORDER BY o.option_name COLLATE "C")
                          FROM pg_catalog.pg_options_to_table(m.umoptions) o), 'none')
           ELSE 'hidden from this role' END),
       '{}', NULL,
       pg_catalog.format('DROP USER MAPPING FOR %s SERVER %I',
                         CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(m.usename) END, m.srvname)
FROM pg_catalog.pg_user_mappings m
UNION ALL
SELECT 'foreign table', 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, n.nspname,
       pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid,
       pg_catalog.json_build_object(
           'server', s.srvname,
           'options', (SELECT pg_catalog.string_agg(o.option_name || '=' || o.option_value, ', ' ORDER BY o.option_name COLLATE "C")
                       FROM pg_catalog.pg_options_to_table(f.ftoptions) o),
           'partition of', CASE WHEN c.relispartition THEN h.parents END,
           'partition bound', pg_catalog.pg_get_expr(c.relpartbound, c.oid),
           'inherited tables', CASE WHEN NOT c.relispartition THEN h.parents END),
       pg_catalog.json_build_object('partition of', CASE WHEN c.relispartition THEN pg_catalog.format(
           'ALTER TABLE %s ATTACH PARTITION %I.%I %s', h.parents, n.nspname, c.relname,
           pg_catalog.pg_get_expr(c.relpartbound, c.oid)) END),
       NULL, pg_catalog.format('DROP FOREIGN TABLE %I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_foreign_table f
JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', pn.nspname, pc.relname), ', ' ORDER BY i.inhseqno) AS parents
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class pc ON pc.oid = i.inhparent
    JOIN pg_catalog.pg_namespace pn ON pn.oid = pc.relnamespace WHERE i.inhrelid = c.oid) h
