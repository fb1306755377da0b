-- Types other than row types of tables and the array and multirange types of other types.
SELECT CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'c' THEN 'composite type' WHEN 'r' THEN 'range type'
                      ELSE 'base type' END AS class,
       'pg_catalog.pg_type'::pg_catalog.regclass AS classid, t.oid AS objid, n.nspname AS schema,
       pg_catalog.format('%I.%I', n.nspname, t.typname) AS object, NULL::oid AS table_oid,
       CASE t.typtype
       WHEN 'e' THEN pg_catalog.json_build_object('labels', (
           SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
           FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid))
       WHEN 'd' THEN pg_catalog.json_build_object(
           'type', pg_catalog.format_type(t.typbasetype, t.typtypmod), 'NOT NULL', t.typnotnull::text,
           -- typdefault is the text from when it was set; names in it may have changed since.
           'default', coalesce(pg_catalog.pg_get_expr(t.typdefaultbin, 0), pg_catalog.quote_literal(t.typdefault)),
           'collation', (SELECT pg_catalog.format('%I.%I', cn.nspname, co.collname) FROM pg_catalog.pg_collation co
                         JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = t.typcollation),
           'checks', (SELECT pg_catalog.string_agg(
                          pg_catalog.format('%I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), '; '
                          ORDER BY k.conname COLLATE "C")
                      FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
       WHEN 'c' THEN pg_catalog.json_build_object('attributes', (
           SELECT pg_catalog.string_agg(
                      pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod))
                      || coalesce((SELECT pg_catalog.format(' COLLATE %I.%I', cn.nspname, co.collname)
                                   FROM pg_catalog.pg_collation co
                                   JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                                   WHERE co.oid = a.attcollation AND a.attcollation <> 100), ''),
                      ', ' ORDER BY a.attnum)
           FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
       WHEN 'r' THEN (SELECT pg_catalog.json_build_object(
               'subtype', pg_catalog.format_type(r.rngsubtype, NULL),
               'operator class', (SELECT pg_catalog.format('%I.%I', cn.nspname, o.opcname) FROM pg_catalog.pg_opclass o
                                  JOIN pg_catalog.pg_namespace cn ON cn.oid = o.opcnamespace WHERE o.oid = r.rngsubopc),
               'collation', (SELECT pg_catalog.format('%I.%I', cn.nspname, co.collname) FROM pg_catalog.pg_collation co
                             JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = r.rngcollation),
               'canonical', nullif(r.rngcanonical::oid, 0)::pg_catalog.regproc::text,
               'difference', nullif(r.rngsubdiff::oid, 0)::pg_catalog.regproc::text)
           FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid)
       ELSE pg_catalog.json_build_object(
           'input', nullif(t.typinput::oid, 0)::pg_catalog.regproc::text,
           'output', nullif(t.typoutput::oid, 0)::pg_catalog.regproc::text,
           'receive', nullif(t.typreceive::oid, 0)::pg_catalog.regproc::text,
           'send', nullif(t.typsend::oid, 0)::pg_catalog.regproc::text,
           'length', t.typlen::text, 'by value', t.typbyval::text, 'alignment', t.typalign::text,
           'storage', t.typstorage::text, 'category', t.typcategory::text, 'preferred', t.typispreferred::text,
           'default', coalesce(pg_catalog.pg_get_expr(t.typdefaultbin, 0), pg_catalog.quote_literal(t.typdefault)), 'delimiter', t.typdelim::text)
       END AS attributes,
       '{}'::json AS statements, NULL::text AS creation,
       pg_catalog.format('DROP %s %I.%I', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, t.typname) AS removal
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype IN ('b', 'c', 'd', 'e', 'r')
  AND (t.typrelid = 0 OR (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid) = 'c')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)
