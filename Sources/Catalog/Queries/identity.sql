-- The identity of this database, as far as every role may read it.
SELECT d.oid::bigint AS database_oid,
       d.datname AS database_name,
       pg_catalog.current_setting('server_version_num')::integer AS server_version_number,
       pg_catalog.pg_is_in_recovery() AS is_in_recovery,
       pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
       pg_catalog.to_char(pg_catalog.pg_postmaster_start_time(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS server_started_at,
       coalesce(host(pg_catalog.inet_server_addr()), pg_catalog.current_setting('unix_socket_directories')) AS address,
       coalesce(pg_catalog.inet_server_port(), pg_catalog.current_setting('port')::integer) AS port,
       current_user::text AS role_name,
       (SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS bypasses_row_security,
       pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
           AND pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE') AS may_read_control_data,
       -- How the default collation sorts. The version is the C library's, the same for all its locales.
       CASE WHEN coalesce(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c') <> 'c' THEN NULL
            WHEN d.datcollate IN ('C', 'POSIX') THEN 'C'
            ELSE d.datcollate || '/' ||
                 (SELECT pg_catalog.pg_collation_actual_version(co.oid) FROM pg_catalog.pg_collation co
                  WHERE co.collprovider = 'c' AND pg_catalog.pg_collation_actual_version(co.oid) IS NOT NULL LIMIT 1)
            END AS default_sort_order,
       -- The locale by which text is sorted, and whose (c: the C library's, i: ICU's, b: the server's own).
       CASE WHEN d.datcollate = 'POSIX' THEN 'c:C'
            ELSE pg_catalog.concat(coalesce(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c'), ':',
                                   coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale',
                                            d.datcollate::text)) END AS collation,
       (SELECT pg_catalog.to_char(coalesce(s.stats_reset, pg_catalog.pg_postmaster_start_time()), 'YYYY-MM-DD HH24:MI "UTC"')
        FROM pg_catalog.pg_stat_database s WHERE s.datid = d.oid) AS statistics_since,
       (SELECT count(*) FROM pg_catalog.pg_prepared_xacts p WHERE p.database = d.datname) AS prepared_transactions
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()
