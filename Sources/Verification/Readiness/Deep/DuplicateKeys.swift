package import Catalog
package import Postgres

/// Rows of the source with the same unique key, which a damaged index has let in; a new index cannot be built over them.
///
/// A new version of the C library that sorts text in another way is the usual cause (PostgreSQL wiki, Locale data changes).
package enum DuplicateKeys {
    private static let listed = 5

    /// Reads the table from end to end, without its indexes.
    ///
    /// - Parameters:
    ///   - index: A unique index.
    ///   - condition: Selects the rows that are copied.
    ///   - connection: A connection with an open snapshot.
    /// - Returns: What is found; nil if the key is unique.
    /// - Throws: ``PostgresError``.
    package static func finding(of index: Index, where condition: SQL?, on connection: Connection) throws -> Finding? {
        let keys = try keys(of: index, on: connection)
        guard !keys.isEmpty else { return nil }
        var conditions = [condition, index.predicate.map { SQL(trusted: $0) }].compactMap { $0 }.map {
            "(\($0))" as SQL
        }
        if !index.isNullsNotDistinct { conditions += keys.map { "\($0) IS NOT NULL" } }
        let (list, selection): (SQL, SQL) = (
            keys.joined(separator: ", "), conditions.isEmpty ? "true" : conditions.joined(separator: " AND ")
        )
        let found = try connection.query(
            """
            SELECT ROW(\(list))::text AS key, count(*) AS rows,
                   (pg_catalog.array_agg(ctid::text))[1:3]::text AS places, count(*) OVER () AS keys
            FROM ONLY \(index.tableQualifiedName) WHERE \(selection)
            GROUP BY \(list) HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT \(listed)
            """
        )
        guard let first = found.first else { return nil }
        let examples = try found.map { row in
            "\(try row.text("key").visible) \(try row.integer("rows")) times, at ctid \(try row.text("places").visible)"
        }
        let count = try first.integer("keys")
        return Finding(
            index.objectKind,
            object: index.qualifiedName.description,
            problem: "duplicates",
            severity: .stops,
            "\(index.tableQualifiedName) has \(count == 1 ? "one key" : "\(count) keys") more than once, so it cannot be built on "
                + "the target: \(examples.joined(separator: "; ")); delete or change the rows on the source, "
                + "then REINDEX its damaged index there",
            source: index.definition
        )
    }

    /// The index's columns and expressions, as SQL.
    private static func keys(of index: Index, on connection: Connection) throws -> [SQL] {
        try connection.query(
            """
            SELECT '(' || pg_catalog.pg_get_indexdef(x.indexrelid, k.number, true) || ')'
                   || coalesce(' COLLATE ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname), '')
                   AS key
            FROM pg_catalog.pg_index x
            CROSS JOIN LATERAL pg_catalog.generate_series(1, x.indnkeyatts::integer) AS k(number)
            LEFT JOIN pg_catalog.pg_collation c ON c.oid = x.indcollation[k.number - 1]
            LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
            WHERE x.indexrelid = \(literal: ServerText(String(index.oid)))::pg_catalog.oid ORDER BY k.number
            """
        ).map { SQL(trusted: try $0.text("key")) }
    }
}
