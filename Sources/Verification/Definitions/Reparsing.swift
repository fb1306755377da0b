package import Postgres

/// Finds out whether two texts mean the same to a server, which parses both and prints them again.
///
/// Major versions print the same view differently, and a server may print its own text differently after parsing it
/// again (`IN ('a', 'b')` over varchar, whose array is cast first as a whole and then label by label). The target's
/// server decides whether two texts are the same.
/// Each text is parsed in a transaction that is rolled back, on temporary objects: nothing is left, and no table is
/// locked.
package struct Reparsing {
    let connection: Connection

    /// - Parameter connection: The target, without an open transaction.
    package init(_ connection: Connection) {
        self.connection = connection
    }

    /// Returns the doubts whose two texts mean the same.
    ///
    /// - Parameter doubts: Attributes whose texts differ.
    /// - Returns: Those whose two texts the server prints alike.
    /// - Throws: ``PostgresError`` if the connection is lost; a text the server cannot parse is a difference, not an
    ///   error.
    package func agreeing(_ doubts: [ObjectComparison.Doubt]) throws -> Set<ObjectComparison.Doubt> {
        var agreeing: Set<ObjectComparison.Doubt> = []
        for doubt in doubts {
            guard let ours = try printed(doubt.source, doubt), let theirs = try printed(doubt.target, doubt) else {
                continue
            }
            if ours == theirs { agreeing.insert(doubt) }
        }
        return agreeing
    }

    private func printed(_ text: ServerText, _ doubt: ObjectComparison.Doubt) throws -> ServerText? {
        try connection.execute("BEGIN")
        defer { connection.rollBack() }
        do {
            return try print(text, doubt)
        } catch let error as PostgresError where error.code == .statementFailed && !connection.isBroken {
            return nil
        }
    }

    private func print(_ text: ServerText, _ doubt: ObjectComparison.Doubt) throws -> ServerText? {
        let text = text.quotedForAllServers
        let trusted = SQL(trusted: text.withoutSuffix(";"))
        switch (doubt.kind, doubt.attribute) {
        case ("view", _), ("materialized view", _):
            try connection.execute("CREATE TEMPORARY VIEW tidemark_reparsed AS \(trusted)")
            return try value("pg_catalog.pg_get_viewdef('pg_temp.tidemark_reparsed'::pg_catalog.regclass)")
        case ("domain", "default"):
            try connection.execute("CREATE TEMPORARY VIEW tidemark_reparsed AS SELECT (\(trusted)) AS value")
            return try value("pg_catalog.pg_get_viewdef('pg_temp.tidemark_reparsed'::pg_catalog.regclass)")
        case ("domain", _): return try printChecks(text, doubt)
        case ("collation", _): return try printLocale(text, doubt)
        case ("function", "arguments"), ("procedure", "arguments"): return try printArguments(trusted, doubt)
        case ("function", _), ("procedure", _):
            // A function with an SQL-standard body is replaced by itself, in a transaction that is rolled back.
            guard text.begins(with: "CREATE OR REPLACE ") else { return nil }
            try connection.execute(trusted)
            return try value(
                """
                (SELECT pg_catalog.pg_get_functiondef(p.oid) FROM pg_catalog.pg_proc p
                 WHERE p.xmin::text = (pg_catalog.txid_current() % 4294967296)::text)
                """
            )
        default: return try doubt.table.flatMap { try print(text, trusted: trusted, doubt, on: $0) }
        }
    }

    /// Creates a domain's checks, given as `name CHECK (…); name CHECK (…)`, on a temporary domain over the same type.
    private func printChecks(_ text: ServerText, _ doubt: ObjectComparison.Doubt) throws -> ServerText? {
        guard let type = doubt.context?.typeQuotedForAllServers else { return nil }
        try connection.execute("CREATE DOMAIN pg_temp.tidemark_reparsed AS \(SQL(trusted: type))")
        var statements = SQLStatements(Array(text.utf8))
        while let check = statements.next() {
            // One by one: only here it may be NOT VALID.
            try connection.execute(
                """
                ALTER DOMAIN pg_temp.tidemark_reparsed
                ADD CONSTRAINT \(SQL(trusted: ServerText(bytes: check).withoutSuffix(";")))
                """
            )
        }
        return try value(
            """
            (SELECT pg_catalog.string_agg(pg_catalog.format('%I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), '; '
                                          ORDER BY k.conname COLLATE "C")
             FROM pg_catalog.pg_constraint k
             WHERE k.contypid = 'pg_temp.tidemark_reparsed'::pg_catalog.regtype AND k.contype = 'c')
            """
        )
    }

    /// Creates a temporary collation of ICU with this locale.
    ///
    /// Since PostgreSQL 16 the server stores a locale's language tag instead of the text it was given.
    private func printLocale(_ locale: ServerText, _ doubt: ObjectComparison.Doubt) throws -> ServerText? {
        guard doubt.context == "i" else { return nil }
        try connection.execute(
            "CREATE COLLATION pg_temp.tidemark_reparsed (provider = icu, locale = \(literal: locale))"
        )
        return try value(
            """
            (SELECT coalesce(x.j ->> 'colllocale', x.j ->> 'colliculocale', x.j ->> 'collcollate')
             FROM pg_catalog.pg_collation c CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(c) AS j) x
             WHERE c.collnamespace = pg_catalog.pg_my_temp_schema() AND c.collname = 'tidemark_reparsed')
            """
        )
    }

    /// Creates a temporary function with an empty body that has these arguments and defaults.
    private func printArguments(_ arguments: SQL, _ doubt: ObjectComparison.Doubt) throws -> ServerText? {
        let kind: SQL = doubt.kind == "procedure" ? "PROCEDURE" : "FUNCTION"
        let result = doubt.context.map { " RETURNS \(SQL(trusted: $0.quotedForAllServers))" as SQL } ?? ""
        try connection.execute(
            "CREATE \(kind) pg_temp.tidemark_reparsed(\(arguments))\(result) LANGUAGE sql AS ''"
        )
        return try value(
            """
            (SELECT pg_catalog.pg_get_function_arguments(p.oid) FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = pg_catalog.pg_my_temp_schema() AND p.proname = 'tidemark_reparsed')
            """
        )
    }

    func value(_ expression: SQL) throws -> ServerText? {
        try connection.queryOne("SELECT \(expression) AS printed")["printed"]
    }
}
