-- Casts, conversions, procedural languages, transforms and access methods.
SELECT 'cast' AS class, 'pg_catalog.pg_cast'::pg_catalog.regclass AS classid, c.oid AS objid, NULL::text AS schema,
       pg_catalog.format('(%s AS %s)', pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL)) AS object,
       NULL::oid AS table_oid,
       pg_catalog.json_build_object(
           'function', nullif(c.castfunc, 0)::pg_catalog.regprocedure::text, 'context', c.castcontext::text,
           'method', c.castmethod::text) AS attributes,
       '{}'::json AS statements, NULL::text AS creation,
       pg_catalog.format('DROP CAST (%s AS %s)', pg_catalog.format_type(c.castsource, NULL),
                         pg_catalog.format_type(c.casttarget, NULL)) AS removal
FROM pg_catalog.pg_cast c
WHERE c.oid >= 16384
  -- The cast of a range to its multirange is created and dropped with the type.
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'i')
UNION ALL
SELECT 'conversion', 'pg_catalog.pg_conversion'::pg_catalog.regclass, c.oid, n.nspname,
       pg_catalog.format('%I.%I', n.nspname, c.conname), NULL,
       pg_catalog.json_build_object(
           'from', pg_catalog.pg_encoding_to_char(c.conforencoding), 'to', pg_catalog.pg_encoding_to_char(c.contoencoding),
           'function', c.conproc::text, 'default', c.condefault::text),
       '{}', NULL, pg_catalog.format('DROP CONVERSION %I.%I', n.nspname, c.conname)
FROM pg_catalog.pg_conversion c
JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
UNION ALL
SELECT 'language', 'pg_catalog.pg_language'::pg_catalog.regclass, l.oid, NULL, pg_catalog.quote_ident(l.lanname), NULL,
       pg_catalog.json_build_object(
           'trusted', l.lanpltrusted::text, 'handler', nullif(l.lanplcallfoid, 0)::pg_catalog.regproc::text,
           'inline handler', nullif(l.laninline, 0)::pg_catalog.regproc::text,
           'validator', nullif(l.lanvalidator, 0)::pg_catalog.regproc::text),
       '{}', NULL, pg_catalog.format('DROP LANGUAGE %I', l.lanname)
FROM pg_catalog.pg_language l
WHERE l.oid >= 16384
UNION ALL
SELECT 'transform', 'pg_catalog.pg_transform'::pg_catalog.regclass, t.oid, NULL,
       pg_catalog.format('FOR %s LANGUAGE %I', pg_catalog.format_type(t.trftype, NULL), l.lanname), NULL,
       pg_catalog.json_build_object(
           'from SQL', nullif(t.trffromsql::oid, 0)::pg_catalog.regprocedure::text,
           'to SQL', nullif(t.trftosql::oid, 0)::pg_catalog.regprocedure::text),
       '{}', NULL, pg_catalog.format('DROP TRANSFORM FOR %s LANGUAGE %I', pg_catalog.format_type(t.trftype, NULL), l.lanname)
FROM pg_catalog.pg_transform t
JOIN pg_catalog.pg_language l ON l.oid = t.trflang
UNION ALL
SELECT 'access method', 'pg_catalog.pg_am'::pg_catalog.regclass, a.oid, NULL, pg_catalog.quote_ident(a.amname), NULL,
       pg_catalog.json_build_object('handler', a.amhandler::text, 'kind', a.amtype::text),
       '{}', pg_catalog.format('CREATE ACCESS METHOD %I TYPE %s HANDLER %s', a.amname,
                               CASE a.amtype WHEN 't' THEN 'TABLE' ELSE 'INDEX' END, a.amhandler),
       pg_catalog.format('DROP ACCESS METHOD %I', a.amname)
FROM pg_catalog.pg_am a
WHERE a.oid >= 16384
