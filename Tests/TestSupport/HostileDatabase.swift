import FoundationEssentials

/// A database in which statements that rely on implicit casts are ambiguous.
///
/// Applications that were ported from other databases define their own casts between integers and text. Then `'a' || 5`
/// is an error (*operator is not unique*), and a comparison may use another operator.
package enum HostileDatabase {
    /// Whether the source of every test is such a database: `TIDEMARK_TEST_HOSTILE=1 scripts/test …`.
    package static var isWanted: Bool {
        !(ProcessInfo.processInfo.environment["TIDEMARK_TEST_HOSTILE"] ?? "").isEmpty
    }

    private static let types = [
        "int2", "int4", "int8", "oid", "xid", "float4", "float8", "numeric", "date", "timestamp", "timestamptz",
        "interval", "uuid", "json", "jsonb", "pg_lsn", "regclass", "regproc", "regtype", "bytea", "pg_snapshot",
        "aclitem", "pg_node_tree", "oidvector", "tid",
        "bit",
    ]

    /// Implicit casts from each type to text, and from text to most types.
    ///
    /// There is none for arrays: with one, the application's own `a = a` is ambiguous, and pg_dump fails with aclitem[].
    private static let casts = types.flatMap { type in
        [
            "BEGIN CREATE CAST (\(type) AS text) WITH INOUT AS IMPLICIT; EXCEPTION WHEN OTHERS THEN NULL; END;",
            "BEGIN CREATE CAST (text AS \(type)) WITH INOUT AS IMPLICIT; EXCEPTION WHEN OTHERS THEN NULL; END;",
            "BEGIN CREATE CAST (\(type) AS varchar) WITH INOUT AS IMPLICIT; EXCEPTION WHEN OTHERS THEN NULL; END;",
            "BEGIN CREATE CAST (name AS \(type)) WITH INOUT AS IMPLICIT; EXCEPTION WHEN OTHERS THEN NULL; END;",
        ]
    }.joined(separator: "\n")

    /// Casts, and functions and operators with the names of PostgreSQL's own.
    ///
    /// The operators in schema public let the tests' own SQL, which has it on its search path, still use `'a' || 5`.
    package static let script = """
        DO $hostile$ BEGIN
        \(casts)
        END $hostile$;
        CREATE FUNCTION public.to_number(boolean) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN $1 THEN 1 ELSE 0 END';
        CREATE FUNCTION public.to_truth(bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 OPERATOR(pg_catalog.<>) 0';
        CREATE FUNCTION public.to_truth(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 OPERATOR(pg_catalog.=) ''t''';
        CREATE CAST (boolean AS bigint) WITH FUNCTION public.to_number(boolean) AS IMPLICIT;
        CREATE CAST (bigint AS boolean) WITH FUNCTION public.to_truth(bigint) AS IMPLICIT;
        CREATE CAST (text AS boolean) WITH FUNCTION public.to_truth(text) AS IMPLICIT;
        CREATE FUNCTION public.current_database() RETURNS name LANGUAGE sql IMMUTABLE AS 'SELECT ''nowhere''::name';
        CREATE FUNCTION public.pg_backend_pid() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT -7';
        """
        + ["int2", "int4", "int8"].flatMap { number in
            [
                """

                CREATE FUNCTION public.joined(text, \(number)) RETURNS text LANGUAGE sql IMMUTABLE
                    AS 'SELECT pg_catalog.textcat($1, $2::text)';
                CREATE FUNCTION public.joined(\(number), text) RETURNS text LANGUAGE sql IMMUTABLE
                    AS 'SELECT pg_catalog.textcat($1::text, $2)';
                CREATE OPERATOR public.|| (FUNCTION = public.joined, LEFTARG = text, RIGHTARG = \(number));
                CREATE OPERATOR public.|| (FUNCTION = public.joined, LEFTARG = \(number), RIGHTARG = text);
                CREATE FUNCTION public.never(text, \(number)) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
                CREATE OPERATOR public.= (FUNCTION = public.never, LEFTARG = text, RIGHTARG = \(number));
                CREATE OPERATOR public.<> (FUNCTION = public.never, LEFTARG = text, RIGHTARG = \(number));
                """
            ]
        }.joined()
}
