-- The owners of all objects that can have one.
SELECT 'owner' AS class, o.classid, o.objid, i.schema, i.type || ' ' || i.identity AS object, o.table_oid,
       pg_catalog.json_build_object('role', pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o.owner))) AS attributes,
       pg_catalog.json_build_object(
           'role', pg_catalog.format('ALTER %s %s OWNER TO %I',
                                     CASE i.type WHEN 'composite type' THEN 'TYPE' WHEN 'statistics object' THEN 'STATISTICS'
                                                 ELSE pg_catalog.upper(i.type) END,
                                     i.identity, pg_catalog.pg_get_userbyid(o.owner))) AS statements,
       NULL::text AS creation, NULL::text AS removal
FROM (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid AS classid, c.oid AS objid, c.oid AS table_oid, c.relowner AS owner
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, NULL, nspowner FROM pg_catalog.pg_namespace
              WHERE oid >= 16384 OR nspname = 'public'
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, NULL, proowner FROM pg_catalog.pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, NULL, typowner FROM pg_catalog.pg_type
              WHERE oid >= 16384 AND typrelid = 0 AND typtype <> 'm' AND NOT (typelem <> 0 AND typlen = -1 AND typname ~ '^_')
    UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, NULL, oprowner FROM pg_catalog.pg_operator WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, NULL, opcowner FROM pg_catalog.pg_opclass WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, NULL, opfowner FROM pg_catalog.pg_opfamily
              WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, NULL, collowner FROM pg_catalog.pg_collation
              WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, NULL, conowner FROM pg_catalog.pg_conversion
              WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, NULL, lanowner FROM pg_catalog.pg_language
              WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, NULL, cfgowner FROM pg_catalog.pg_ts_config
              WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, NULL, dictowner FROM pg_catalog.pg_ts_dict WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid, stxrelid, stxowner FROM pg_catalog.pg_statistic_ext
    UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, NULL, fdwowner
              FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, NULL, srvowner FROM pg_catalog.pg_foreign_server
    UNION ALL SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, NULL, pubowner FROM pg_catalog.pg_publication
    UNION ALL SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, oid, NULL, evtowner FROM pg_catalog.pg_event_trigger
) o
CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
