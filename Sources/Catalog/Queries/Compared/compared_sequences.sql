-- Sequences; their positions are compared separately.
SELECT 'sequence' AS class, 'pg_catalog.pg_class'::pg_catalog.regclass AS classid, c.oid AS objid, n.nspname AS schema,
       pg_catalog.format('%I.%I', n.nspname, c.relname) AS object, o.table_oid,
       pg_catalog.json_build_object(
           'type', pg_catalog.format_type(s.seqtypid, NULL), 'start', s.seqstart::text, 'increment', s.seqincrement::text,
           'minimum', s.seqmin::text, 'maximum', s.seqmax::text, 'cache', s.seqcache::text, 'cycling', s.seqcycle::text,
           'owned by', o.name,
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END) AS attributes,
       pg_catalog.json_build_object(
           'type', t.alter || 'AS ' || pg_catalog.format_type(s.seqtypid, NULL),
           'start', t.alter || 'START ' || s.seqstart::text, 'increment', t.alter || 'INCREMENT ' || s.seqincrement::text,
           'minimum', t.alter || 'MINVALUE ' || s.seqmin::text, 'maximum', t.alter || 'MAXVALUE ' || s.seqmax::text,
           'cache', t.alter || 'CACHE ' || s.seqcache::text,
           'cycling', t.alter || CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END,
           'owned by', t.alter || 'OWNED BY ' || coalesce(o.name, 'NONE')) AS statements,
       pg_catalog.format('CREATE SEQUENCE %I.%I AS %s START %s INCREMENT %s MINVALUE %s MAXVALUE %s CACHE %s%s', n.nspname,
                         c.relname, pg_catalog.format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
                         s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END) AS creation,
       pg_catalog.format('DROP SEQUENCE %I.%I', n.nspname, c.relname) AS removal
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT d.refobjid AS table_oid, pg_catalog.format('%I.%I.%I', un.nspname, ut.relname, ua.attname) AS name
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_class ut ON ut.oid = d.refobjid
    JOIN pg_catalog.pg_namespace un ON un.oid = ut.relnamespace
    JOIN pg_catalog.pg_attribute ua ON ua.attrelid = d.refobjid AND ua.attnum = d.refobjsubid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    LIMIT 1) o ON true
CROSS JOIN LATERAL (SELECT pg_catalog.format('ALTER SEQUENCE %I.%I ', n.nspname, c.relname) AS alter) t
