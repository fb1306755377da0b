import Postgres

/// Duplicate rows that prevent a key from being built.
struct DuplicateRows {
    private static let listed = 10

    /// Describes some of them.
    ///
    /// - Parameters:
    ///   - columns: The columns that should be unique.
    ///   - table: The table.
    ///   - connection: A connection outside a transaction.
    /// - Returns: A text for the operator; nil if none are found.
    static func description(of columns: [Identifier], in table: QualifiedName, _ connection: Connection) -> String? {
        guard !columns.isEmpty else { return nil }
        let groups = try? connection.query(
            """
            SELECT ROW(\(columns.commaSeparated))::text AS key, count(*)::text AS rows,
                   pg_catalog.string_agg(tableoid::pg_catalog.regclass::text || ' ' || ctid::text, ', ') AS places
            FROM \(table) GROUP BY \(columns.commaSeparated) HAVING count(*) > 1
            ORDER BY count(*) DESC LIMIT \(listed)
            """
        )
        let list = (groups ?? []).map { group in
            "\((group["key"] ?? "").visible) \((group["rows"] ?? "").visible) times: \((group["places"] ?? "").visible)"
        }
        guard !list.isEmpty else { return nil }
        return "rows of \(table) have the same key:\n    " + list.joined(separator: "\n    ")
    }
}
