-- The settings of the database itself: parameters, comment, rights, connection limit; and the parameters its server knows.
SELECT coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                            'role', r.rolname, 'name', pg_catalog.split_part(c.setting, '=', 1),
                            -- Whether the role may write, so that read-only sessions would matter.
                            'isOfWriter', r.oid IS NOT NULL AND c.setting ~* '^default_transaction_read_only=' AND EXISTS (
                                SELECT FROM pg_catalog.pg_class w
                                LEFT JOIN LATERAL pg_catalog.aclexplode(w.relacl) a
                                       ON a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE') AND a.grantee <> 0
                                WHERE w.relkind IN ('r', 'p') AND w.oid >= 16384
                                  AND (pg_catalog.pg_has_role(r.oid, w.relowner, 'USAGE')
                                       OR pg_catalog.pg_has_role(r.oid, a.grantee, 'USAGE'))),
                            'value', pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1))
                        ORDER BY r.rolname NULLS FIRST, c.position)
                 FROM pg_catalog.pg_db_role_setting s
                 LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
                 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS c(setting, position)
                 WHERE s.setdatabase = d.oid), '[]'::json) AS settings,
       pg_catalog.pg_get_userbyid(d.datdba)::text AS owner,
       pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,
       d.datconnlimit AS connection_limit,
       CASE WHEN d.datacl IS NOT NULL THEN
           coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                                'role', g.rolname, 'privilege', x.privilege_type, 'isGrantable', x.is_grantable)
                            ORDER BY g.rolname NULLS FIRST, x.privilege_type, x.is_grantable)
                     FROM (SELECT DISTINCT e.grantee, e.privilege_type, e.is_grantable
                           FROM pg_catalog.aclexplode(d.datacl) e WHERE e.grantee <> d.datdba) x
                     LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee), '[]'::json)
       END AS grants,
       (SELECT pg_catalog.json_agg(p.name) FROM pg_catalog.pg_settings p) AS parameters
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()
