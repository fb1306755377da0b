import Postgres

/// Objects that belong to a table.
extension Reparsing {
    /// Creates an object on an empty copy of its table with the same name, and returns it as the server prints it.
    func print(
        _ text: ServerText,
        trusted: SQL,
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
        case "column", "view default", "published table":
            return try print(constraint: "CHECK ((\(trusted)) IS NULL)", on: copy, oid)
        case "constraint": return try print(constraint: trusted, on: copy, oid)
        case "index":
            guard let moved = moved(text, from: table, after: " ON ") ?? moved(text, from: table, after: " ON ONLY ")
            else { return nil }
            try connection.execute(moved)
            return try value(
                """
                (SELECT pg_catalog.pg_get_indexdef(i.indexrelid) FROM pg_catalog.pg_index i WHERE i.indrelid = \(oid))
                """
            )
        case "table":
            try connection.execute(
                "CREATE TEMPORARY TABLE tidemark_reparsed (LIKE \(copy)) PARTITION BY \(trusted)"
            )
            return try value("pg_catalog.pg_get_partkeydef('pg_temp.tidemark_reparsed'::pg_catalog.regclass)")
        case "statistics object":
            guard let moved = moved(text + " ", from: table, after: " FROM "), let made = Self.renamed(moved.text)
            else {
                return nil
            }
            try connection.execute(made)
            return try value(
                """
                (SELECT pg_catalog.pg_get_statisticsobjdef(s.oid) FROM pg_catalog.pg_statistic_ext s
                 WHERE s.stxrelid = \(oid))
                """
            )
        case "rule":
            guard let moved = moved(text, from: table, after: " TO ") else { return nil }
            try connection.execute(moved)
            return try value(
                "(SELECT pg_catalog.pg_get_ruledef(r.oid) FROM pg_catalog.pg_rewrite r WHERE r.ev_class = \(oid))"
            )
        case "trigger":
            guard let moved = moved(text, from: table, after: " ON ") else { return nil }
            try connection.execute(moved)
            return try value(
                "(SELECT pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = \(oid))"
            )
        default: return nil
        }
    }

    private func print(constraint: SQL, on copy: SQL, _ oid: SQL) throws -> ServerText? {
        try connection.execute("ALTER TABLE \(copy) ADD CONSTRAINT tidemark_reparsed \(constraint)")
        return try value(
            """
            (SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k
             WHERE k.conrelid = \(oid) AND k.conname = 'tidemark_reparsed')
            """
        )
    }

    /// Returns the statement that creates the statistics object in the temporary schema.
    private static func renamed(_ text: ServerText) -> SQL? {
        let beginning: ServerText = "CREATE STATISTICS "
        guard text.begins(with: beginning) else { return nil }
        let named = text.dropFirst(beginning.utf8.count)
        guard let end = SQLStatements.firstUnquotedRange(of: " ", in: named) else { return nil }
        return SQL(trusted: beginning + "pg_temp.tidemark_reparsed" + named.dropFirst(end.lowerBound))
    }

    /// Returns the statement with the copy in place of the table.
    private func moved(_ text: ServerText, from table: QualifiedName, after word: ServerText) -> SQL? {
        // The server may print a name quoted or not.
        let names = [Identifier(table.schema), Identifier(table.name)].map { [ServerText($0.quoted), $0.name] }
        for schema in names[0] {
            for name in names[1] {
                let place = word + schema + "." + name
                // A rule's condition is printed in a line of its own.
                for end in [" ", "\n"] as [ServerText] {
                    // The trigger's own name may contain the same words; quoted text is skipped.
                    guard let found = SQLStatements.firstUnquotedRange(of: place + end, in: text) else { continue }
                    let copy = word + ServerText("pg_temp.\(Identifier(table.name).quoted) ")
                    return SQL(trusted: text[0..<found.lowerBound] + copy + text.dropFirst(found.upperBound))
                }
            }
        }
        return nil
    }
}
