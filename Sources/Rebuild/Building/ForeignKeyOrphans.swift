package import Postgres

/// Rows that refer to missing rows.
package struct ForeignKeyOrphans {
    private static let listed = 10
    /// What the operator can do about them.
    static let hint =
        "the same rows exist on the source, where the foreign key was bypassed: repair both sides and run again, "
        + "or postpone the validation with --foreign-keys later"

    /// Describes some of them and counts all.
    ///
    /// - Parameters:
    ///   - constraint: The name of a foreign key on the target.
    ///   - table: The table that has it.
    ///   - connection: A connection outside a transaction.
    /// - Returns: A text for the operator; nil if none are found or the search fails.
    static func description(of constraint: ServerText, on table: QualifiedName, _ connection: Connection) -> String? {
        try? connection.transaction(.snapshot) { try find(constraint, of: table, on: connection) }
    }

    private struct Reference: Decodable {
        let referencedSchema: ServerText
        let referencedTable: ServerText
        let columns: [ServerText]
        let referencedColumns: [ServerText]
        /// The key's own operators, such as citext's: referenced column, then referring column.
        let operators: [ServerText]
        /// Whether the last column is a PERIOD (PostgreSQL 18): several rows together may cover it.
        let isTemporal: Bool

        /// The condition under which a row `c` refers to rows `p` that exist.
        func isSatisfied(by referenced: QualifiedName) -> SQL {
            var pairs = zip(zip(referencedColumns, operators), columns).map { pair, column in
                "p.\(Identifier(pair.0)) \(SQL(trusted: pair.1)) c.\(Identifier(column))" as SQL
            }
            guard isTemporal, let period = referencedColumns.last, let ours = columns.last else {
                return "EXISTS (SELECT FROM \(referenced) p WHERE \(pairs.joined(separator: " AND ")))"
            }
            let (theirs, own) = ("p.\(Identifier(period))" as SQL, "c.\(Identifier(ours))" as SQL)
            // As the server checks it (ri_triggers.c).
            pairs[pairs.count - 1] = "\(theirs) OPERATOR(pg_catalog.&&) \(own)"
            return """
                EXISTS (SELECT 1 FROM \(referenced) p WHERE \(pairs.joined(separator: " AND "))
                        HAVING \(own) OPERATOR(pg_catalog.<@) pg_catalog.range_agg(\(theirs)))
                """
        }
    }

    /// Describes some of those among certain rows, and counts all.
    ///
    /// - Parameters:
    ///   - constraint: The name of a foreign key on the target.
    ///   - table: The table that has it.
    ///   - condition: Selects the rows.
    ///   - connection: A connection.
    /// - Returns: A text for the operator; nil if there are none.
    /// - Throws: ``PostgresError``.
    package static func find(
        _ constraint: ServerText,
        of table: QualifiedName,
        among condition: SQL = "true",
        on connection: Connection
    ) throws -> String? {
        let found = try connection.query(
            Reference.self,
            """
            SELECT n.nspname AS referenced_schema, r.relname AS referenced_table,
                   (SELECT pg_catalog.json_agg(a.attname ORDER BY k.position)
                    FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS k(number, position)
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number) AS columns,
                   (SELECT pg_catalog.json_agg(a.attname ORDER BY k.position)
                    FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS k(number, position)
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number) AS referenced_columns,
                   (SELECT pg_catalog.json_agg(pg_catalog.format('OPERATOR(%I.%s)', s.nspname, o.oprname) ORDER BY k.position)
                    FROM pg_catalog.unnest(c.conpfeqop) WITH ORDINALITY AS k(operator, position)
                    JOIN pg_catalog.pg_operator o ON o.oid = k.operator
                    JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace) AS operators,
                   coalesce(pg_catalog.to_jsonb(c) ->> 'conperiod' = 'true', false) AS is_temporal
            FROM pg_catalog.pg_constraint c
            JOIN pg_catalog.pg_class r ON r.oid = c.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
            WHERE c.contype = 'f' AND c.conname = \(literal: constraint)
              AND c.conrelid = \(literal: table.quoted)::pg_catalog.regclass
            """
        ).first
        guard let found else { return nil }
        let referenced = QualifiedName(schema: found.referencedSchema, name: found.referencedTable)
        let columns = found.columns.map { "c.\(Identifier($0))" as SQL }
        let orphans: SQL = """
            FROM \(table) c WHERE (\(condition)) AND \(columns.map { "\($0) IS NOT NULL" as SQL }.joined(separator: " AND "))
              AND NOT \(found.isSatisfied(by: referenced))
            """
        let rows = try connection.query(
            "SELECT ROW(\(columns.joined(separator: ", ")))::text AS key, c.ctid::text AS place \(orphans) LIMIT \(listed)"
        )
        guard !rows.isEmpty else { return nil }
        let count = try connection.queryOne("SELECT count(*) AS count \(orphans)").integer("count")
        let list = try rows.map { "\(try $0.text("key").visible) at ctid \(try $0.text("place").visible)" }.joined(
            separator: ", "
        )
        return "\(count) row(s) of \(table) refer to rows that \(referenced) does not have: \(list)"
            + (count > rows.count ? ", …" : "")
    }
}
