-- Text search: configurations with their mappings to dictionaries, dictionaries, parsers, templates.
SELECT 'text search configuration' AS class, 'pg_catalog.pg_ts_config'::pg_catalog.regclass AS classid, c.oid AS objid,
       n.nspname AS schema, pg_catalog.format('%I.%I', n.nspname, c.cfgname) AS object, NULL::oid AS table_oid,
       pg_catalog.json_build_object(
           'parser', pg_catalog.format('%I.%I', pn.nspname, p.prsname),
           'mapping', (SELECT pg_catalog.string_agg(
                           pg_catalog.format('%s: %s', t.alias, m.mapdict::pg_catalog.regdictionary), ', '
                           ORDER BY t.alias COLLATE "C", m.mapseqno)
                       FROM pg_catalog.pg_ts_config_map m
                       JOIN pg_catalog.ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype
                       WHERE m.mapcfg = c.oid)) AS attributes,
       '{}'::json AS statements, NULL::text AS creation,
       pg_catalog.format('DROP TEXT SEARCH CONFIGURATION %I.%I', n.nspname, c.cfgname) AS removal
FROM pg_catalog.pg_ts_config c
JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace
JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.prsnamespace
UNION ALL
SELECT 'text search dictionary', 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, d.oid, n.nspname,
       pg_catalog.format('%I.%I', n.nspname, d.dictname), NULL,
       pg_catalog.json_build_object('template', pg_catalog.format('%I.%I', tn.nspname, t.tmplname), 'options', d.dictinitoption),
       pg_catalog.json_build_object('options', pg_catalog.format('ALTER TEXT SEARCH DICTIONARY %I.%I (%s)', n.nspname, d.dictname,
                                                                 d.dictinitoption)),
       NULL, pg_catalog.format('DROP TEXT SEARCH DICTIONARY %I.%I', n.nspname, d.dictname)
FROM pg_catalog.pg_ts_dict d
JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace
JOIN pg_catalog.pg_ts_template t ON t.oid = d.dicttemplate
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.tmplnamespace
UNION ALL
SELECT 'text search parser', 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, p.oid, n.nspname,
       pg_catalog.format('%I.%I', n.nspname, p.prsname), NULL,
       pg_catalog.json_build_object('start', p.prsstart::text, 'token', p.prstoken::text, 'end', p.prsend::text,
                                    'types', p.prslextype::text),
       '{}', NULL, pg_catalog.format('DROP TEXT SEARCH PARSER %I.%I', n.nspname, p.prsname)
FROM pg_catalog.pg_ts_parser p
JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace
UNION ALL
SELECT 'text search template', 'pg_catalog.pg_ts_template'::pg_catalog.regclass, t.oid, n.nspname,
       pg_catalog.format('%I.%I', n.nspname, t.tmplname), NULL,
       pg_catalog.json_build_object('init', nullif(t.tmplinit::oid, 0)::pg_catalog.regproc::text, 'lexize', t.tmpllexize::text),
       '{}', NULL, pg_catalog.format('DROP TEXT SEARCH TEMPLATE %I.%I', n.nspname, t.tmplname)
FROM pg_catalog.pg_ts_template t
JOIN pg_catalog.pg_namespace n ON n.oid = t.tmplnamespace
