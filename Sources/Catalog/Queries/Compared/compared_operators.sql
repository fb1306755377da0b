-- Operators, their classes and families.
SELECT 'operator' AS class, 'pg_catalog.pg_operator'::pg_catalog.regclass AS classid, o.oid AS objid, n.nspname AS schema,
       o.oid::pg_catalog.regoperator::text AS object, NULL::oid AS table_oid,
       pg_catalog.json_build_object(
           -- A function of the system by its name alone: the types of its arguments change from version to version.
           'function', CASE WHEN o.oprcode::oid BETWEEN 1 AND 16383 THEN o.oprcode::text
                            WHEN o.oprcode::oid <> 0 THEN o.oprcode::pg_catalog.regprocedure::text END,
           'commutator', nullif(o.oprcom, 0)::pg_catalog.regoperator::text,
           'negator', nullif(o.oprnegate, 0)::pg_catalog.regoperator::text,
           'restriction estimator', nullif(o.oprrest::oid, 0)::pg_catalog.regproc::text,
           'join estimator', nullif(o.oprjoin::oid, 0)::pg_catalog.regproc::text,
           'HASHES', o.oprcanhash::text, 'MERGES', o.oprcanmerge::text) AS attributes,
       '{}'::json AS statements, NULL::text AS creation,
       'DROP OPERATOR ' || o.oid::pg_catalog.regoperator::text AS removal
FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
UNION ALL
SELECT 'operator class', 'pg_catalog.pg_opclass'::pg_catalog.regclass, c.oid, n.nspname,
       pg_catalog.format('%I.%I USING %I', n.nspname, c.opcname, am.amname), NULL,
       pg_catalog.json_build_object(
           'type', pg_catalog.format_type(c.opcintype, NULL), 'default', c.opcdefault::text,
           'stored type', CASE WHEN c.opckeytype <> 0 THEN pg_catalog.format_type(c.opckeytype, NULL) END,
           'family', pg_catalog.format('%I.%I', fn.nspname, f.opfname)),
       '{}', NULL, pg_catalog.format('DROP OPERATOR CLASS %I.%I USING %I', n.nspname, c.opcname, am.amname)
FROM pg_catalog.pg_opclass c
JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace
JOIN pg_catalog.pg_am am ON am.oid = c.opcmethod
JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily
JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace
UNION ALL
SELECT 'operator family', 'pg_catalog.pg_opfamily'::pg_catalog.regclass, f.oid, n.nspname,
       pg_catalog.format('%I.%I USING %I', n.nspname, f.opfname, am.amname), NULL,
       pg_catalog.json_build_object(
           'operators', (SELECT pg_catalog.string_agg(
                             pg_catalog.format('%s %s %s', o.amopstrategy, o.amopopr::pg_catalog.regoperator, o.amoppurpose),
                             ', ' ORDER BY o.amopstrategy, o.amopopr::pg_catalog.regoperator::text COLLATE "C")
                         FROM pg_catalog.pg_amop o WHERE o.amopfamily = f.oid),
           'functions', (SELECT pg_catalog.string_agg(
                             pg_catalog.format('%s %s', p.amprocnum, p.amproc::pg_catalog.regprocedure),
                             ', ' ORDER BY p.amprocnum, p.amproc::pg_catalog.regprocedure::text COLLATE "C")
                         FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = f.oid)),
       '{}', NULL, pg_catalog.format('DROP OPERATOR FAMILY %I.%I USING %I', n.nspname, f.opfname, am.amname)
FROM pg_catalog.pg_opfamily f
JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
JOIN pg_catalog.pg_am am ON am.oid = f.opfmethod
