-- What would make the night longer or the result worse, and is there today: one row each. amount and detail depend on the kind.
SELECT 'long transaction' AS kind, NULL::pg_catalog.text AS schema,
       coalesce(nullif(a.application_name, ''), a.usename::pg_catalog.text, 'unnamed')
       || ' (server process ' || a.pid::pg_catalog.text || ')' AS name,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::bigint AS amount,
       coalesce(a.usename::pg_catalog.text, '?') || coalesce(', ' || a.state, '') AS detail
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND a.xact_start < pg_catalog.clock_timestamp() - interval '1 s'
UNION ALL
SELECT 'unlogged table', n.nspname, c.relname, pg_catalog.pg_table_size(c.oid), NULL
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND n.nspname !~ '^pg_'
UNION ALL
-- The share of its values that a sequence has used, in percent; one that cycles has no end.
SELECT 'sequence', s.schemaname, s.sequencename,
       pg_catalog.trunc(100 * (CASE WHEN s.increment_by > 0 THEN s.last_value - s.min_value::numeric
                                    ELSE s.max_value - s.last_value::numeric END)
                        / nullif(s.max_value - s.min_value::numeric, 0))::bigint,
       s.data_type::pg_catalog.text
FROM pg_catalog.pg_sequences s
WHERE NOT s.cycle AND s.last_value IS NOT NULL
  AND 100 * (CASE WHEN s.increment_by > 0 THEN s.last_value - s.min_value::numeric
                  ELSE s.max_value - s.last_value::numeric END)
      > 80 * (s.max_value - s.min_value::numeric)
UNION ALL
-- A server stops accepting writes at 2^31 transactions; a mark is void then as well.
SELECT 'transaction ids', NULL, d.datname, pg_catalog.age(d.datfrozenxid)::bigint, NULL
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database() AND pg_catalog.age(d.datfrozenxid) > 1200000000
ORDER BY 1, 2, 3
