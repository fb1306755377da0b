-- Row-level security policies; whether they are enabled is an attribute of the table.
SELECT 'policy' AS class, 'pg_catalog.pg_policy'::pg_catalog.regclass AS classid, p.oid AS objid, n.nspname AS schema,
       pg_catalog.format('%I on %I.%I', p.polname, n.nspname, c.relname) AS object, c.oid AS table_oid,
       pg_catalog.json_build_object(
           'kind', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
           'command', o.command, 'roles', o.roles,
           'USING', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
           'WITH CHECK', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) AS attributes,
       pg_catalog.json_build_object(
           'roles', o.alter || 'TO ' || o.roles,
           'USING', o.alter || 'USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
           'WITH CHECK', o.alter || 'WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')') AS statements,
       pg_catalog.format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s%s%s', p.polname, n.nspname, c.relname,
                         CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, o.command, o.roles,
                         ' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
                         ' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')') AS creation,
       pg_catalog.format('DROP POLICY %I ON %I.%I', p.polname, n.nspname, c.relname) AS removal
FROM pg_catalog.pg_policy p
JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END
               AS command,
           -- Sorted by plain name: which names are quoted depends on the server's version.
           (SELECT pg_catalog.string_agg(CASE u.oid WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(u.oid)) END,
                                         ', ' ORDER BY u.oid = 0, pg_catalog.pg_get_userbyid(u.oid) COLLATE "C")
            FROM pg_catalog.unnest(p.polroles) u(oid)) AS roles,
           pg_catalog.format('ALTER POLICY %I ON %I.%I ', p.polname, n.nspname, c.relname) AS alter) o
