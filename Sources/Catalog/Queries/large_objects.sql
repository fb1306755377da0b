-- Large objects with owner, rights and comment. Their content is read by other functions.
SELECT m.oid::bigint AS oid,
       pg_catalog.pg_get_userbyid(m.lomowner)::text AS owner,
       CASE WHEN m.lomacl IS NOT NULL THEN
           coalesce((SELECT pg_catalog.json_agg(
                                pg_catalog.json_build_object(
                                    'isOwner', x.grantee = m.lomowner, 'role', g.rolname,
                                    'privilege', x.privilege_type, 'isGrantable', x.is_grantable)
                                ORDER BY x.grantee <> m.lomowner, g.rolname, x.privilege_type, x.is_grantable)
                     FROM (SELECT DISTINCT e.grantee, e.privilege_type, e.is_grantable
                           FROM pg_catalog.aclexplode(m.lomacl) e) x
                     LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee AND x.grantee <> m.lomowner), '[]'::json)
       END AS grants,
       pg_catalog.obj_description(m.oid, 'pg_largeobject') AS comment
FROM pg_catalog.pg_largeobject_metadata m
