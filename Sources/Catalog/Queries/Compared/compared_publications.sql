-- Publications, what they publish, and this database's subscriptions, which are created disabled.
SELECT 'publication' AS class, 'pg_catalog.pg_publication'::pg_catalog.regclass AS classid, p.oid AS objid, NULL::text AS schema,
       pg_catalog.quote_ident(p.pubname) AS object, NULL::oid AS table_oid,
       pg_catalog.json_build_object(
           'all tables', p.puballtables::text, 'inserts', p.pubinsert::text, 'updates', p.pubupdate::text,
           'deletes', p.pubdelete::text, 'truncations', p.pubtruncate::text, 'through the root', p.pubviaroot::text,
           -- Since PostgreSQL 18.
           'generated columns', nullif(pg_catalog.to_jsonb(p) ->> 'pubgencols', 'n'),
           -- Since PostgreSQL 15; earlier versions have no catalog of that name.
           'schemas', (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname), ', ' ORDER BY n.nspname COLLATE "C")
                       FROM pg_catalog.pg_depend d
                       JOIN pg_catalog.pg_depend s ON s.classid = d.classid AND s.objid = d.objid
                        AND s.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                       JOIN pg_catalog.pg_namespace n ON n.oid = s.refobjid
                       WHERE d.refclassid = 'pg_catalog.pg_publication'::pg_catalog.regclass AND d.refobjid = p.oid
                         AND d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace'))) AS attributes,
       '{}'::json AS statements, NULL::text AS creation, pg_catalog.format('DROP PUBLICATION %I', p.pubname) AS removal
FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'published table', 'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid, NULL,
       pg_catalog.format('%I.%I in %I', t.schemaname, t.tablename, p.pubname), c.oid,
       pg_catalog.json_build_object('row filter', pg_catalog.to_jsonb(t) ->> 'rowfilter',
                                    -- Only if columns were listed; otherwise all columns are published.
                                    'columns', (SELECT pg_catalog.to_jsonb(t) ->> 'attnames' FROM pg_catalog.pg_publication_rel r
                                                WHERE r.prpubid = p.oid AND r.prrelid = c.oid
                                                  AND pg_catalog.to_jsonb(r) ->> 'prattrs' IS NOT NULL)),
       '{}', pg_catalog.format('ALTER PUBLICATION %I ADD TABLE %I.%I', p.pubname, t.schemaname, t.tablename),
       pg_catalog.format('ALTER PUBLICATION %I DROP TABLE %I.%I', p.pubname, t.schemaname, t.tablename)
FROM pg_catalog.pg_publication_tables t
JOIN pg_catalog.pg_publication p ON p.pubname = t.pubname
JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
WHERE n.nspname <> 'tidemark'
UNION ALL
-- Only the columns that every role may read on every version.
SELECT 'subscription', 'pg_catalog.pg_subscription'::pg_catalog.regclass, 0, NULL, pg_catalog.quote_ident(s.subname), NULL,
       pg_catalog.json_build_object('publications', pg_catalog.array_to_string(s.subpublications, ', ')),
       '{}', NULL, pg_catalog.format('DROP SUBSCRIPTION %I', s.subname)
FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
