-- Sequences, and the columns that take their values from them: owning (serial, identity) or only by a default.
SELECT c.oid::bigint AS oid,
       n.nspname AS schema,
       c.relname AS name,
       pg_catalog.format_type(s.seqtypid, NULL) AS type,
       s.seqstart AS start_value,
       s.seqincrement AS increment,
       s.seqmin AS min_value,
       s.seqmax AS max_value,
       s.seqcache AS cache_size,
       s.seqcycle AS is_cycling,
       pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
       AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AS is_readable,
       coalesce(
           (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('schema', un.nspname, 'table', ut.relname, 'column', ua.attname))
            FROM (SELECT d.refobjid AS table_oid, d.refobjsubid AS number
                  FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
                    AND d.deptype IN ('a', 'i')
                  UNION
                  SELECT ad.adrelid, ad.adnum
                  FROM pg_catalog.pg_depend d
                  JOIN pg_catalog.pg_attrdef ad ON ad.oid = d.objid
                  WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid) u
            JOIN pg_catalog.pg_attribute ua ON ua.attrelid = u.table_oid AND ua.attnum = u.number AND NOT ua.attisdropped
            JOIN pg_catalog.pg_class ut ON ut.oid = u.table_oid AND ut.relkind IN ('r', 'p')
            JOIN pg_catalog.pg_namespace un ON un.oid = ut.relnamespace
            JOIN pg_catalog.pg_type ty ON ty.oid = ua.atttypid AND ty.typname IN ('int2', 'int4', 'int8', 'numeric')),
           '[]'::json) AS columns
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                  WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid AND x.deptype = 'e')
ORDER BY n.nspname, c.relname
