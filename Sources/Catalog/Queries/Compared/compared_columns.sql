-- Columns of tables and foreign tables, what can be set for those of materialized views, and defaults of views' columns; the
-- rest of a view's columns follows from the view.
SELECT CASE c.relkind WHEN 'v' THEN 'view default' ELSE 'column' END AS class, 'pg_catalog.pg_class'::pg_catalog.regclass AS classid, c.oid AS objid, n.nspname AS schema,
       pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname) AS object, c.oid AS table_oid,
       CASE WHEN c.relkind = 'v' THEN pg_catalog.json_build_object('default', pg_catalog.pg_get_expr(d.adbin, d.adrelid))
       WHEN c.relkind = 'm' THEN pg_catalog.json_build_object(
           'storage', x.storage, 'compression', x.compression, 'statistics target', nullif(x.statistics, '-1'), 'options', o.told)
       ELSE pg_catalog.json_build_object(
           'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
           -- Since PostgreSQL 18 it is a constraint, which may be NOT VALID or not inherited.
           'NOT NULL', a.attnotnull::text || CASE WHEN NOT k.convalidated THEN ', not valid' ELSE '' END
                       || CASE WHEN k.connoinherit THEN ', not inherited' ELSE '' END,
           'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
           -- Since PostgreSQL 17 a partition inherits its parent's identity, compared there; before, partitions had none.
           'identity', CASE CASE WHEN c.relispartition AND pg_catalog.current_setting('server_version_num')::integer >= 170000
                                 THEN '' ELSE a.attidentity END WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
           -- A column that is only inherited goes with its parent's.
           'inheritance', CASE WHEN a.attinhcount > 0 AND a.attislocal AND NOT c.relispartition THEN 'its own as well' END,
           'generation', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
           'collation', pg_catalog.quote_ident(con.nspname) || '.' || pg_catalog.quote_ident(co.collname),
           'storage', x.storage,
           'compression', x.compression,
           'statistics target', nullif(x.statistics, '-1'),
           'options', o.told,
           'foreign options', (SELECT pg_catalog.string_agg(f.option_name || '=' || f.option_value, ', '
                                                            ORDER BY f.option_name COLLATE "C")
                               FROM pg_catalog.pg_options_to_table(a.attfdwoptions) f)) END AS attributes,
       pg_catalog.json_build_object(
           -- SET NOT NULL makes none that is not valid or not inherited.
           'NOT NULL', CASE WHEN k.connoinherit OR NOT k.convalidated THEN NULL
                            ELSE t.alter || CASE WHEN a.attnotnull THEN 'SET' ELSE 'DROP' END || ' NOT NULL' END,
           'default', t.alter || coalesce('SET DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), 'DROP DEFAULT'),
           'storage', t.alter || 'SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN'
                                                                     ELSE 'EXTENDED' END,
           'compression', t.alter || 'SET COMPRESSION '
                          || CASE x.compression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE 'default' END,
           'statistics target', t.alter || 'SET STATISTICS ' || x.statistics,
           'options', t.alter || 'SET (' || o.settings || ')') AS statements,
       CASE c.relkind WHEN 'v' THEN t.alter || 'SET DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
                      WHEN 'm' THEN NULL
       ELSE pg_catalog.format('ALTER TABLE %I.%I ADD COLUMN %I %s', n.nspname, c.relname, a.attname,
                              pg_catalog.format_type(a.atttypid, a.atttypmod)) END AS creation,
       CASE c.relkind WHEN 'v' THEN t.alter || 'DROP DEFAULT'
       ELSE pg_catalog.format('ALTER TABLE %I.%I DROP COLUMN %I', n.nspname, c.relname, a.attname) END AS removal
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
LEFT JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
-- Older servers do not have attcompression; it matters only for values that can be long.
CROSS JOIN LATERAL (SELECT CASE WHEN a.attstorage <> 'p' THEN nullif(pg_catalog.to_jsonb(a) ->> 'attcompression', '') END AS compression,
                           -- Where it is the type's, pg_dump does not print it, and another version of the type may have another.
                           CASE WHEN a.attstorage = ty.typstorage THEN 'default'
                                ELSE CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main'
                                                       ELSE 'extended' END END AS storage,
                           coalesce(a.attstattarget, -1)::text AS statistics) x
-- Options with names beginning with pg_ are the server's own bookkeeping (pg_attver); pg_dump does not print them.
CROSS JOIN LATERAL (SELECT pg_catalog.string_agg(p.option_name || '=' || p.option_value, ', ' ORDER BY p.option_name COLLATE "C") AS told,
                           pg_catalog.string_agg(pg_catalog.quote_ident(p.option_name) || '=' || pg_catalog.quote_literal(p.option_value),
                                                 ', ' ORDER BY p.option_name COLLATE "C") AS settings
                    FROM pg_catalog.pg_options_to_table(a.attoptions) p
                    WHERE NOT pg_catalog.starts_with(p.option_name, 'pg_')) o
CROSS JOIN LATERAL (SELECT pg_catalog.format('ALTER %s %I.%I ALTER COLUMN %I ',
                                             CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE ONLY' END,
                                             n.nspname, c.relname, a.attname) AS alter) t
WHERE (c.relkind IN ('r', 'p', 'f', 'm') OR c.relkind = 'v' AND d.adbin IS NOT NULL) AND a.attnum > 0 AND NOT a.attisdropped
