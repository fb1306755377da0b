package import Postgres

/// Finds out whether two texts mean the same to a server: it parses both and prints them again.
///
/// Major versions print the same view in different words; the one the target runs has the last word on what was meant.
/// Each text is parsed in a transaction that is rolled back, on temporary objects: nothing is left, and no table is
/// locked.
package struct Reparsing {
    private let connection: Connection

    /// - Parameter connection: The target, without an open transaction.
    package init(_ connection: Connection) {
        self.connection = connection
    }

    /// Which of the doubts are none.
    ///
    /// - Parameter doubts: What differs in words.
    /// - Returns: Those whose both texts the server prints alike.
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
        let trusted = SQL(trusted: text.withoutSuffix(";"))
        switch doubt.kind {
        case "view", "materialized view":
            try connection.execute("CREATE TEMPORARY VIEW tidemark_reparsed AS \(trusted)")
            return try value("pg_catalog.pg_get_viewdef('pg_temp.tidemark_reparsed'::pg_catalog.regclass)")
        case "function", "procedure":
            // Those with a body that is no text: it is replaced by itself, in a transaction nobody sees.
            guard text.begins(with: "CREATE OR REPLACE ") else { return nil }
            try connection.execute(trusted)
            return try value(
                """
                (SELECT pg_catalog.pg_get_functiondef(p.oid) FROM pg_catalog.pg_proc p
                 WHERE p.xmin::text = (pg_catalog.txid_current() % 4294967296)::text)
                """
            )
        default: return try doubt.table.flatMap { try print(text, trusted, doubt, on: $0) }
        }
    }

    /// What hangs on a table is made on an empty copy of it that has its name.
    private func print(
        _ text: ServerText,
        _ trusted: SQL,
        _ doubt: ObjectComparison.Doubt,
        on table: QualifiedName
    ) throws -> ServerText? {
        let copy: SQL = "pg_temp.\(Identifier(table.name))"
        try connection.execute("CREATE TEMPORARY TABLE \(Identifier(table.name)) (LIKE \(table))")
        let oid: SQL = "\(literal: "pg_temp.\(Identifier(table.name).quoted)")::pg_catalog.regclass"
        switch doubt.kind {
        case "policy":
            try connection.execute("CREATE POLICY tidemark_reparsed ON \(copy) USING (\(trusted))")
            return try value(
                "(SELECT pg_catalog.pg_get_expr(p.polqual, p.polrelid) FROM pg_catalog.pg_policy p WHERE p.polrelid = \(oid))"
            )
        case "column":
            try connection.execute("ALTER TABLE \(copy) ADD CONSTRAINT tidemark_reparsed CHECK ((\(trusted)) IS NULL)")
            return try value(
                """
                (SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k
                 WHERE k.conrelid = \(oid) AND k.conname = 'tidemark_reparsed')
                """
            )
        case "rule":
            guard let moved = moved(text, " TO ", table) else { return nil }
            try connection.execute(moved)
            return try value(
                "(SELECT pg_catalog.pg_get_ruledef(r.oid) FROM pg_catalog.pg_rewrite r WHERE r.ev_class = \(oid))"
            )
        case "trigger":
            guard let moved = moved(text, " ON ", table) else { return nil }
            try connection.execute(moved)
            return try value(
                "(SELECT pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = \(oid))"
            )
        default: return nil
        }
    }

    /// The statement, made for the copy.
    private func moved(_ text: ServerText, _ word: ServerText, _ table: QualifiedName) -> SQL? {
        // As the server quotes it, which is only where it must.
        let names = [Identifier(table.schema), Identifier(table.name)].map { [ServerText($0.quoted), $0.name] }
        for schema in names[0] {
            for name in names[1] {
                let place = word + schema + "." + name + " "
                // The trigger's own name may hold the same words: in quotes they say nothing.
                guard let found = SQLStatements.firstUnquotedRange(of: place, in: text) else { continue }
                let copy = word + ServerText("pg_temp.\(Identifier(table.name).quoted) ")
                return SQL(trusted: text[0..<found.lowerBound] + copy + text.dropFirst(found.upperBound))
            }
        }
        return nil
    }

    private func value(_ expression: SQL) throws -> ServerText? {
        try connection.queryOne("SELECT \(expression) AS printed")["printed"]
    }
}
