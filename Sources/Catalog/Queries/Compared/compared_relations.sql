-- Tables and views with all attributes except their columns.
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END AS class,
       'pg_catalog.pg_class'::pg_catalog.regclass AS classid, c.oid AS objid, n.nspname AS schema,
       pg_catalog.format('%I.%I', n.nspname, c.relname) AS object, c.oid AS table_oid,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.json_build_object(
           'definition', pg_catalog.pg_get_viewdef(c.oid),
           'columns', o.names,
           'options', r.told,
           'populated', CASE c.relkind WHEN 'm' THEN c.relispopulated::text END,
           'access method', o.access_method, 'tablespace', o.tablespace)
       ELSE pg_catalog.json_build_object(
           'kind', CASE c.relkind WHEN 'p' THEN 'partitioned table' ELSE 'ordinary table' END,
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END,
           'partition key', CASE c.relkind WHEN 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END,
           'partition of', CASE WHEN c.relispartition THEN o.parents END,
           'partition bound', pg_catalog.pg_get_expr(c.relpartbound, c.oid),
           'inherited tables', CASE WHEN NOT c.relispartition THEN o.parents END,
           'order of columns', o.names,
           'row type', CASE WHEN c.reloftype <> 0 THEN pg_catalog.format_type(c.reloftype, NULL) END,
           'options', r.told,
           'TOAST options', (SELECT pg_catalog.string_agg(p.option_name || '=' || p.option_value, ', '
                                                          ORDER BY p.option_name COLLATE "C")
                             FROM pg_catalog.pg_class t CROSS JOIN LATERAL pg_catalog.pg_options_to_table(t.reloptions) p
                             WHERE t.oid = c.reltoastrelid),
           'row level security', CASE WHEN c.relforcerowsecurity THEN 'forced' ELSE 'not forced' END || ', '
                                 || CASE WHEN c.relrowsecurity THEN 'enabled' ELSE 'disabled' END,
           'replica identity', CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full'
                                                   ELSE 'index' END,
           'access method', o.access_method, 'tablespace', o.tablespace)
       END AS attributes,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.json_build_object(
           'populated', pg_catalog.format('REFRESH MATERIALIZED VIEW %I.%I', n.nspname, c.relname),
           'definition', CASE c.relkind WHEN 'v' THEN pg_catalog.format('CREATE OR REPLACE VIEW %I.%I AS %s', n.nspname, c.relname,
                                 pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')) END)
       ELSE pg_catalog.json_build_object(
           'persistence', pg_catalog.format('ALTER TABLE %I.%I SET %s', n.nspname, c.relname,
                                            CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' ELSE 'LOGGED' END),
           'partition of', CASE WHEN c.relispartition THEN pg_catalog.format(
               'ALTER TABLE %s ATTACH PARTITION %I.%I %s', o.parents, n.nspname, c.relname,
               pg_catalog.pg_get_expr(c.relpartbound, c.oid)) END,
           'options', pg_catalog.format('ALTER TABLE %I.%I SET (', n.nspname, c.relname) || r.settings || ')',
           'row level security', pg_catalog.format(
               'ALTER TABLE %I.%I %s ROW LEVEL SECURITY, %s ROW LEVEL SECURITY', n.nspname, c.relname,
               CASE WHEN c.relforcerowsecurity THEN 'FORCE' ELSE 'NO FORCE' END,
               CASE WHEN c.relrowsecurity THEN 'ENABLE' ELSE 'DISABLE' END),
           'replica identity', CASE WHEN c.relreplident <> 'i' THEN pg_catalog.format(
               'ALTER TABLE %I.%I REPLICA IDENTITY %s', n.nspname, c.relname,
               CASE c.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'n' THEN 'NOTHING' ELSE 'FULL' END) END)
       END AS statements,
       CASE c.relkind WHEN 'v' THEN pg_catalog.format('CREATE VIEW %I.%I AS %s', n.nspname, c.relname,
                                        pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';'))
                      WHEN 'm' THEN pg_catalog.format('CREATE MATERIALIZED VIEW %I.%I AS %s', n.nspname, c.relname,
                                        pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')) END AS creation,
       pg_catalog.format('DROP %s %I.%I', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
                         n.nspname, c.relname) AS removal
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS names,
           (SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', pn.nspname, pc.relname), ', ' ORDER BY i.inhseqno)
            FROM pg_catalog.pg_inherits i
            JOIN pg_catalog.pg_class pc ON pc.oid = i.inhparent
            JOIN pg_catalog.pg_namespace pn ON pn.oid = pc.relnamespace WHERE i.inhrelid = c.oid) AS parents,
           -- Not for partitioned tables: there it is only the default for partitions, and only newer servers have it.
           (SELECT am.amname FROM pg_catalog.pg_am am WHERE am.oid = c.relam AND c.relkind <> 'p') AS access_method,
           (SELECT t.spcname FROM pg_catalog.pg_tablespace t WHERE t.oid = c.reltablespace) AS tablespace) o
-- Sorted by name: pg_dump prints some options separately (WITH CHECK OPTION), so their order differs on the target.
CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(p.option_name || '=' || p.option_value, ', ' ORDER BY p.option_name COLLATE "C") AS told,
           pg_catalog.string_agg(pg_catalog.quote_ident(p.option_name) || '=' || pg_catalog.quote_literal(p.option_value), ', '
                                 ORDER BY p.option_name COLLATE "C") AS settings
    FROM pg_catalog.pg_options_to_table(c.reloptions) p) r
WHERE c.relkind IN ('r', 'p', 'v', 'm')
