-- The meaning of a table's rows: columns of tables.sql and table_state.sql, for the table c. It must not have changed between
-- two reads whose rows are assumed equal.
       -- The digest of everything that decides the meaning of a row's columns.
       (SELECT pg_catalog.md5(coalesce(pg_catalog.string_agg(
                   pg_catalog.format('%s %I %s %s %s %s', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation,
                                     a.attgenerated), ',' ORDER BY a.attnum), ''))
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns_digest,
       -- The digest of the tables that contain a partitioned table's rows.
       CASE WHEN c.relkind = 'p' THEN
           (SELECT pg_catalog.md5(pg_catalog.string_agg(
                       pg_catalog.format('%s %s', x.oid, pg_catalog.pg_get_expr(x.relpartbound, x.oid)), ',' ORDER BY x.oid))
            FROM pg_catalog.pg_partition_tree(c.oid) p JOIN pg_catalog.pg_class x ON x.oid = p.relid)
       END AS partitions_digest,
       -- The meaning of values of user-defined types, which may change without a write to the rows: labels of enums, attributes
       -- of composite types.
       CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute a
                         WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.atttypid >= 16384) THEN
           (WITH RECURSIVE used(oid) AS (
                SELECT a.atttypid FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384
                UNION
                SELECT x.oid FROM used u JOIN pg_catalog.pg_type t ON t.oid = u.oid
                CROSS JOIN LATERAL (
                    SELECT t.typelem UNION ALL SELECT t.typbasetype
                    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r
                              WHERE t.oid IN (r.rngtypid, (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid)
                    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                              WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                    ) AS x(oid)
                WHERE x.oid >= 16384)
            SELECT pg_catalog.json_agg(p.part ORDER BY p.part)
            FROM (SELECT pg_catalog.format('label %s %s', e.oid, e.enumlabel) AS part
                  FROM used u JOIN pg_catalog.pg_enum e ON e.enumtypid = u.oid
                  UNION ALL
                  SELECT pg_catalog.format('row %s %s', t.oid, pg_catalog.string_agg(
                             pg_catalog.format('%s %s', a.attnum, a.atttypid), ', ' ORDER BY a.attnum))
                  FROM used u JOIN pg_catalog.pg_type t ON t.oid = u.oid AND t.typtype = 'c'
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                  GROUP BY t.oid) AS p)
       END AS type_parts,
