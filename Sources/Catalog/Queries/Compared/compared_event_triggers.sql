-- Event triggers with their state.
SELECT 'event trigger' AS class, 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AS classid, e.oid AS objid, NULL::text AS schema,
       pg_catalog.quote_ident(e.evtname) AS object, NULL::oid AS table_oid,
       pg_catalog.json_build_object(
           'event', e.evtevent, 'function', e.evtfoid::pg_catalog.regprocedure::text,
           'tags', pg_catalog.array_to_string(e.evttags, ', '),
           'state', CASE e.evtenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END)
           AS attributes,
       pg_catalog.json_build_object(
           'state', pg_catalog.format('ALTER EVENT TRIGGER %I %s', e.evtname,
                                      CASE e.evtenabled WHEN 'O' THEN 'ENABLE' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                                                        ELSE 'ENABLE ALWAYS' END)) AS statements,
       NULL::text AS creation, pg_catalog.format('DROP EVENT TRIGGER %I', e.evtname) AS removal
FROM pg_catalog.pg_event_trigger e
