-- Tables on which PostgreSQL 18 and newer refuse UPDATE and DELETE, because a publication leaves out a generated column of their
-- replica identity (manual, logical-replication-gencols). On an older server: those on which a newer one will.
SELECT n.nspname AS schema, c.relname AS name,
       pg_catalog.json_agg(DISTINCT p.pubname::text ORDER BY p.pubname::text) AS publications
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''
-- A partition is also published through the tables it is a partition of.
CROSS JOIN LATERAL (SELECT c.oid UNION SELECT f.relid::oid FROM pg_catalog.pg_partition_ancestors(c.oid) AS f(relid)) AS u(oid)
JOIN pg_catalog.pg_class published ON published.oid = u.oid
JOIN pg_catalog.pg_namespace pn ON pn.oid = published.relnamespace
JOIN pg_catalog.pg_publication_tables t ON t.schemaname = pn.nspname AND t.tablename = published.relname
JOIN pg_catalog.pg_publication p ON p.pubname = t.pubname AND (p.pubupdate OR p.pubdelete)
WHERE c.relkind = 'r'
  -- Older servers may list generated columns, and never publish them.
  AND NOT (pg_catalog.current_setting('server_version_num')::integer >= 180000
           AND pg_catalog.jsonb_exists(pg_catalog.to_jsonb(t) -> 'attnames', a.attname::text))
  AND (c.relreplident = 'f'
       OR EXISTS (SELECT FROM pg_catalog.pg_index i
                  WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
                    AND CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary ELSE false END))
GROUP BY n.nspname, c.relname
ORDER BY n.nspname, c.relname
