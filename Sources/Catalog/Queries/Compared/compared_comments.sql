-- Comments and security labels of all objects.
SELECT 'comment' AS class, d.classoid AS classid, d.objoid AS objid, i.schema, i.type || ' ' || i.identity AS object,
       CASE d.classoid
       WHEN 'pg_catalog.pg_class'::pg_catalog.regclass
       THEN coalesce((SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = d.objoid), d.objoid)
       WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass
       THEN (SELECT nullif(k.conrelid, 0) FROM pg_catalog.pg_constraint k WHERE k.oid = d.objoid)
       WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass
       THEN (SELECT t.tgrelid FROM pg_catalog.pg_trigger t WHERE t.oid = d.objoid)
       WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass
       THEN (SELECT p.polrelid FROM pg_catalog.pg_policy p WHERE p.oid = d.objoid)
       WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass
       THEN (SELECT r.ev_class FROM pg_catalog.pg_rewrite r WHERE r.oid = d.objoid)
       END AS table_oid,
       pg_catalog.json_build_object('text', d.description) AS attributes,
       pg_catalog.json_build_object('text', c.command || pg_catalog.quote_literal(d.description)) AS statements,
       c.command || pg_catalog.quote_literal(d.description) AS creation,
       c.command || 'NULL' AS removal
-- Looking up the system's own objects, which have thousands of comments, takes longer than all the rest.
FROM (SELECT * FROM pg_catalog.pg_description
      WHERE objoid >= 16384 OR classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass) d
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) i
CROSS JOIN LATERAL (
    SELECT pg_catalog.format('COMMENT ON %s %s IS ',
                             CASE i.type WHEN 'table column' THEN 'COLUMN' WHEN 'view column' THEN 'COLUMN'
                                         WHEN 'materialized view column' THEN 'COLUMN' WHEN 'foreign table column' THEN 'COLUMN'
                                         WHEN 'composite type column' THEN 'COLUMN' WHEN 'composite type' THEN 'TYPE'
                                         WHEN 'table constraint' THEN 'CONSTRAINT' WHEN 'domain constraint' THEN 'CONSTRAINT'
                                         WHEN 'statistics object' THEN 'STATISTICS' ELSE pg_catalog.upper(i.type) END,
                             i.identity) AS command) c
-- The comment of a dropped subscription remains.
WHERE i.identity IS NOT NULL
  -- Where plpgsql was recreated, its own comment looks like a user's.
  AND NOT (d.classoid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND i.identity = 'plpgsql')
  AND (d.objoid >= 16384 OR i.identity = 'public' AND d.description <> 'standard public schema')
UNION ALL
SELECT 'security label', l.classoid, l.objoid, i.schema, l.provider || ' of ' || i.type || ' ' || i.identity,
       CASE l.classoid WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN l.objoid END,
       pg_catalog.json_build_object('label', l.label), '{}', NULL, NULL
FROM pg_catalog.pg_seclabel l
CROSS JOIN LATERAL pg_catalog.pg_identify_object(l.classoid, l.objoid, l.objsubid) i
