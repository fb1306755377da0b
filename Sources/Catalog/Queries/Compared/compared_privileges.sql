-- Privileges: one attribute for each role; an asterisk means WITH GRANT OPTION.
--
-- Where nothing was ever granted or revoked, the defaults (manual, ddl-priv) are taken as granted: all rights for the owner,
-- and those of PUBLIC. The owner appears as 'the owner', whichever role it is.
SELECT 'privileges' AS class, o.classid, o.objid, i.schema, i.type || ' ' || i.identity AS object, o.table_oid,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(g.role, g.privileges))
        FROM (SELECT x.role, pg_catalog.string_agg(x.privilege, ', ' ORDER BY x.privilege COLLATE "C") AS privileges
              FROM (SELECT DISTINCT CASE WHEN a.grantee = o.owner THEN 'the owner' WHEN a.grantee = 0 THEN 'PUBLIC'
                                         ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END || a.place AS role,
                           a.privilege_type || CASE WHEN a.is_grantable AND a.grantee <> o.owner THEN '*' ELSE '' END AS privilege
                    FROM (SELECT '' AS place, w.* FROM pg_catalog.aclexplode(o.acl) w
                          UNION ALL
                          SELECT ' on column ' || pg_catalog.quote_ident(c.attname), w.*
                          FROM pg_catalog.pg_attribute c CROSS JOIN LATERAL pg_catalog.aclexplode(c.attacl) w
                          WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.attrelid = o.objid
                            AND c.attnum > 0 AND NOT c.attisdropped) a) x
              GROUP BY x.role) g) AS attributes,
       -- The object as GRANT and REVOKE name it.
       pg_catalog.json_build_array(pg_catalog.json_build_array('the object', o.subject || i.identity)) AS statements,
       NULL::text AS creation, NULL::text AS removal
FROM (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid AS classid, c.oid AS objid, c.oid AS table_oid,
           c.relowner AS owner, coalesce(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl,
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END AS subject
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, NULL, nspowner,
                     coalesce(nspacl, pg_catalog.acldefault('n', nspowner)), 'SCHEMA '
              FROM pg_catalog.pg_namespace WHERE oid >= 16384 OR nspname = 'public'
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, NULL, proowner,
                     coalesce(proacl, pg_catalog.acldefault('f', proowner)), 'ROUTINE '
              FROM pg_catalog.pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, NULL, typowner,
                     coalesce(typacl, pg_catalog.acldefault('T', typowner)), 'TYPE '
              FROM pg_catalog.pg_type
              WHERE oid >= 16384 AND typtype <> 'm'
                AND (typrelid = 0 OR (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = typrelid) = 'c') AND NOT (typelem <> 0 AND typlen = -1 AND typname ~ '^_')
    UNION ALL SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, NULL, lanowner,
                     coalesce(lanacl, pg_catalog.acldefault('l', lanowner)), 'LANGUAGE '
              FROM pg_catalog.pg_language WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, NULL, fdwowner,
                     coalesce(fdwacl, pg_catalog.acldefault('F', fdwowner)), 'FOREIGN DATA WRAPPER '
              FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, NULL, srvowner,
                     coalesce(srvacl, pg_catalog.acldefault('S', srvowner)), 'FOREIGN SERVER '
              FROM pg_catalog.pg_foreign_server
) o
CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
UNION ALL
SELECT 'default privileges', 'pg_catalog.pg_default_acl'::pg_catalog.regclass, d.oid, n.nspname,
       pg_catalog.format('of role %I on %s%s', pg_catalog.pg_get_userbyid(d.defaclrole),
                         CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                                              WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END,
                         ' in schema ' || pg_catalog.quote_ident(n.nspname)), NULL,
       coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_array(g.role, g.privileges))
        FROM (SELECT CASE WHEN a.grantee = d.defaclrole THEN 'the role itself' WHEN a.grantee = 0 THEN 'PUBLIC'
                          ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS role,
                     pg_catalog.string_agg(DISTINCT a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ', ') AS privileges
              FROM pg_catalog.aclexplode(d.defaclacl) a GROUP BY 1) g), '{}'::json),
       '{}', NULL, NULL
FROM pg_catalog.pg_default_acl d
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
UNION ALL
-- What was granted or revoked on an extension's members since it was created (pg_init_privs); its script may grant by itself.
-- The owners' own rights do not count: they may be other roles.
SELECT 'extension grant', 'pg_catalog.pg_extension'::pg_catalog.regclass, o.extension, NULL, i.type || ' ' || i.identity, NULL,
       x.rights, pg_catalog.json_build_array(pg_catalog.json_build_array('the object', object.name)), x.creation, NULL
FROM (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid AS classid, c.oid AS objid, d.refobjid AS extension, c.relowner AS owner,
           c.relacl AS acl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner) AS initial,
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END AS subject
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
    WHERE c.relacl IS NOT NULL
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, d.refobjid, p.proowner, p.proacl,
           pg_catalog.acldefault('f', p.proowner), 'ROUTINE '
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
    WHERE p.proacl IS NOT NULL) o
CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT p.initprivs FROM pg_catalog.pg_init_privs p
                     WHERE p.classoid = o.classid AND p.objoid = o.objid AND p.objsubid = 0), o.initial) AS acl) initial
CROSS JOIN LATERAL (SELECT o.subject || i.identity AS name) object
CROSS JOIN LATERAL (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(r.role || CASE WHEN r.is_revoked THEN ' (revoked)' ELSE '' END, r.rights)) AS rights,
           -- Where only the right to grant was taken, all is revoked before the rest is granted.
           pg_catalog.string_agg(
               CASE WHEN r.is_revoked THEN pg_catalog.format('REVOKE %s ON %s FROM %s', pg_catalog.replace(r.rights, '*', ''), object.name, r.role)
                    ELSE pg_catalog.concat_ws('; ', 'GRANT ' || r.plain || ' ON ' || object.name || ' TO ' || r.role,
                                              'GRANT ' || r.handed_on || ' ON ' || object.name || ' TO ' || r.role || ' WITH GRANT OPTION') END,
               '; ' ORDER BY r.role COLLATE "C", r.is_revoked DESC) AS creation
    FROM (SELECT n.role, n.is_revoked, pg_catalog.string_agg(n.privilege, ', ' ORDER BY n.privilege COLLATE "C") AS rights,
                 pg_catalog.string_agg(n.privilege, ', ' ORDER BY n.privilege COLLATE "C") FILTER (WHERE n.privilege !~ '[*]$') AS plain,
                 pg_catalog.string_agg(pg_catalog.rtrim(n.privilege, '*'), ', ' ORDER BY n.privilege COLLATE "C")
                     FILTER (WHERE n.privilege ~ '[*]$') AS handed_on
          FROM (SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END AS role,
                       g.is_revoked, g.privilege_type || CASE WHEN g.is_grantable THEN '*' ELSE '' END AS privilege
                FROM ((SELECT a.grantee, a.privilege_type, a.is_grantable, false AS is_revoked FROM pg_catalog.aclexplode(o.acl) a
                       WHERE a.grantee <> o.owner AND a.grantee <> a.grantor
                       EXCEPT
                       SELECT b.grantee, b.privilege_type, b.is_grantable, false FROM pg_catalog.aclexplode(initial.acl) b)
                      UNION ALL
                      (SELECT b.grantee, b.privilege_type, b.is_grantable, true FROM pg_catalog.aclexplode(initial.acl) b
                       WHERE b.grantee <> o.owner AND b.grantee <> b.grantor
                       EXCEPT
                       SELECT a.grantee, a.privilege_type, a.is_grantable, true FROM pg_catalog.aclexplode(o.acl) a)) g) n
          GROUP BY n.role, n.is_revoked) r) x
WHERE x.rights IS NOT NULL
