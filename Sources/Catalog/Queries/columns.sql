-- The columns of ordinary and partitioned tables, in their order; the same tables as in tables.sql.
SELECT c.oid::bigint AS table_oid,
       a.attnum AS number,
       a.attname AS name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       t.typtype = 'd' AS is_domain,
       base.typtype::text AS type_kind,
       bn.nspname AS type_schema,
       base.typname AS type_name,
       -- Since PostgreSQL 18 attnotnull is also true for a NOT NULL constraint that was never validated.
       a.attnotnull AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_constraint con
           WHERE con.conrelid = a.attrelid AND con.contype = 'n' AND NOT con.convalidated AND a.attnum = ANY (con.conkey)) AS is_not_null,
       -- The reg types and aclitem, inside any type: their values are object ids and print as current names.
       CASE WHEN base.oid IN (24, 1033, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191) THEN true
            WHEN a.atttypid < 16384 AND base.typtype <> 'c' THEN false
            ELSE (WITH RECURSIVE used(oid) AS (
                      SELECT a.atttypid
                      UNION
                      SELECT x.oid FROM used u JOIN pg_catalog.pg_type ut ON ut.oid = u.oid
                      CROSS JOIN LATERAL (
                          SELECT ut.typelem UNION ALL SELECT ut.typbasetype
                          UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r
                                    WHERE ut.oid IN (r.rngtypid, (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid)
                          UNION ALL SELECT ua.atttypid FROM pg_catalog.pg_attribute ua
                                    WHERE ut.typtype = 'c' AND ua.attrelid = ut.typrelid AND ua.attnum > 0
                                      AND NOT ua.attisdropped) AS x(oid)
                      WHERE x.oid <> 0)
                  SELECT pg_catalog.bool_or(oid IN (24, 1033, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191))
                  FROM used)
       END AS is_printed_by_name,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default_expression,
       a.attidentity::text AS identity,
       a.attgenerated::text AS generated,
       -- The value in rows written before the column was added (manual, pg_attribute).
       CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END AS missing_value,
       pg_catalog.quote_ident(con.nspname) || '.' || pg_catalog.quote_ident(co.collname) AS collation,
       coalesce(co.collisdeterministic, true) AS is_collation_deterministic,
       CASE
           WHEN a.attcollation = 0 THEN ''
           WHEN co.oid = 100 THEN 'default'
           WHEN co.collname IN ('C', 'POSIX') AND con.nspname = 'pg_catalog' THEN 'C'
           ELSE co.collname END AS sort_order,
       -- It decides how tables of more than a megabyte are cut, and in which order their indexes are built.
       CASE WHEN c.relpages > 128 THEN
           (SELECT s.correlation FROM pg_catalog.pg_stats s
            WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited)
       END AS correlation
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
-- Arrays are found by typarray, not by category and element type: int2vector has these but is a separate type.
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
JOIN pg_catalog.pg_type base ON base.oid = CASE
    WHEN coalesce(e.typtype, t.typtype) = 'd' THEN coalesce(e.typbasetype, t.typbasetype)
    ELSE coalesce(e.oid, t.oid) END
JOIN pg_catalog.pg_namespace bn ON bn.oid = base.typnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
WHERE c.relkind IN ('r', 'p')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.oid, a.attnum
