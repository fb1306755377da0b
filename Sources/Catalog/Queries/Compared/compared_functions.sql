-- Functions, procedures, window functions and aggregates.
-- Since version 14 the server prints the mode IN of a procedure's arguments; so procedures get a list of our own, which is the
-- same for all versions.
SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END AS class,
       'pg_catalog.pg_proc'::pg_catalog.regclass AS classid, p.oid AS objid, n.nspname AS schema,
       pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, i.arguments) AS object,
       NULL::oid AS table_oid,
       (SELECT pg_catalog.json_object_agg(a.name, a.value) FROM (
           SELECT v.name, v.value
           FROM (VALUES ('arguments', CASE WHEN p.prokind = 'p'
                                         THEN pg_catalog.concat_ws(' DEFAULT ', i.arguments,
                                                                   pg_catalog.pg_get_expr(p.proargdefaults, 0))
                                         ELSE pg_catalog.pg_get_function_arguments(p.oid) END),
                        ('result', pg_catalog.pg_get_function_result(p.oid)),
                        ('language', (SELECT l.lanname::text FROM pg_catalog.pg_language l WHERE l.oid = p.prolang)),
                        ('kind', p.prokind::text), ('volatility', p.provolatile::text), ('STRICT', p.proisstrict::text),
                        ('LEAKPROOF', p.proleakproof::text), ('SECURITY DEFINER', p.prosecdef::text),
                        ('PARALLEL', p.proparallel::text), ('cost', p.procost::text), ('rows', p.prorows::text),
                        ('support function', nullif(p.prosupport::oid, 0)::pg_catalog.regprocedure::text),
                        ('settings', (SELECT pg_catalog.string_agg(c.setting, ', '
                                      ORDER BY pg_catalog.split_part(c.setting, '=', 1) COLLATE "C")
                                      FROM pg_catalog.unnest(p.proconfig) AS c(setting))),
                        ('body', CASE WHEN p.prokind = 'a' THEN NULL
                                      WHEN pg_catalog.to_jsonb(p) ->> 'prosqlbody' IS NOT NULL
                                      THEN pg_catalog.pg_get_functiondef(p.oid) ELSE p.prosrc END),
                        ('library', p.probin),
                        ('transforms', (SELECT pg_catalog.string_agg(pg_catalog.format_type(u.t, NULL), ', ' ORDER BY u.i)
                                        FROM pg_catalog.unnest(p.protrftypes) WITH ORDINALITY u(t, i)))) AS v(name, value)
           UNION ALL
           -- Functions of the system by their names alone: the types of their arguments change from version to version
           -- (array_append takes anycompatible since PostgreSQL 14).
           SELECT v.name, CASE WHEN v.function::oid < 16384 THEN v.function::text ELSE v.function::pg_catalog.regprocedure::text END
           FROM pg_catalog.pg_aggregate g
           CROSS JOIN LATERAL (VALUES
               ('state function', g.aggtransfn), ('final function', g.aggfinalfn), ('combine function', g.aggcombinefn),
               ('serial function', g.aggserialfn), ('deserial function', g.aggdeserialfn),
               ('moving state function', g.aggmtransfn), ('moving inverse function', g.aggminvtransfn),
               ('moving final function', g.aggmfinalfn)) AS v(name, function)
           WHERE g.aggfnoid = p.oid AND v.function::oid <> 0
           UNION ALL
           SELECT v.name, v.value
           FROM pg_catalog.pg_aggregate g
           CROSS JOIN LATERAL (VALUES
               ('state type', pg_catalog.format_type(g.aggtranstype, NULL)),
               ('state size', g.aggtransspace::text),
               ('final extra arguments', g.aggfinalextra::text), ('final modifies', g.aggfinalmodify::text),
               ('initial value', g.agginitval), ('moving initial value', g.aggminitval),
               ('aggregate kind', g.aggkind::text),
               ('sort operator', nullif(g.aggsortop, 0)::pg_catalog.regoperator::text)) AS v(name, value)
           WHERE g.aggfnoid = p.oid) a) AS attributes,
       CASE WHEN p.prokind = 'a' THEN '{}'::json ELSE (
           SELECT pg_catalog.json_object_agg(v.name, pg_catalog.pg_get_functiondef(p.oid))
           FROM (VALUES ('body'), ('volatility'), ('STRICT'), ('LEAKPROOF'), ('SECURITY DEFINER'), ('PARALLEL'), ('cost'),
                        ('rows'), ('settings'), ('arguments'), ('language')) AS v(name)) END AS statements,
       CASE WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid) END AS creation,
       pg_catalog.format('DROP %s %I.%I(%s)',
                         CASE p.prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
                         n.nspname, p.proname, i.arguments) AS removal
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.prokind <> 'p' THEN pg_catalog.pg_get_function_identity_arguments(p.oid)
                ELSE coalesce((
                    SELECT pg_catalog.string_agg(
                               pg_catalog.concat_ws(' ',
                                   CASE p.proargmodes[a.position] WHEN 'b' THEN 'INOUT' WHEN 'o' THEN 'OUT' WHEN 'v' THEN 'VARIADIC' END,
                                   pg_catalog.quote_ident(nullif(p.proargnames[a.position], '')),
                                   pg_catalog.format_type(a.type, NULL)), ', ' ORDER BY a.position)
                    FROM pg_catalog.unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS a(type, position)
                ), '') END AS arguments) AS i
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
  -- Constructors of range types are created and dropped with the type.
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'i')
