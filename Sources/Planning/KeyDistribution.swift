package import Postgres

/// Finds where to cut a table so that its chunks have about the same number of rows.
///
/// The cuts are taken from existing keys, not computed between the smallest and the largest key: ids have gaps.
package struct KeyDistribution {
    /// Pages sampled per chunk; the rows of that many pages place a cut to within a few percent.
    private static let sampledPagesPerChunk = 48
    private static let pageBytes = 8192

    private let connection: Connection

    /// - Parameter connection: A connection to the source, with or without an open transaction.
    package init(_ connection: Connection) {
        self.connection = connection
    }

    /// Cuts every table of a plan that should have more than one chunk.
    ///
    /// - Parameter plan: A plan in which each table is a single range.
    /// - Returns: The plan with its ranges.
    /// - Throws: ``PlanError`` if a bound is not a value of its key, ``PostgresError``.
    package func cut(_ plan: Plan) throws -> Plan {
        var plan = plan
        for index in plan.tables.indices {
            guard let key = plan.tables[index].key else { continue }
            let table = plan.tables[index]
            try during("finding chunks of \(table.name)") {
                var cuts =
                    table.wantedChunks > 1
                    ? try bounds(of: table.rows, key: key, count: table.wantedChunks, bytes: table.tableBytes) : []
                if let bound = table.immutableBelow, let first = try firstKey(of: table, key, notBelow: bound) {
                    cuts = try sorted(cuts + [first], key)
                    plan.tables[index].immutableRanges = (cuts.firstIndex(of: first) ?? 0) + 1
                }
                plan.tables[index].ranges = KeyRange.between(cuts)
            }
        }
        return plan
    }

    /// The lower bounds of all chunks except the first.
    ///
    /// - Parameters:
    ///   - rows: The table, as a FROM item.
    ///   - key: Its key.
    ///   - count: The wanted number of chunks; a table with fewer keys gets fewer.
    ///   - bytes: The table's size, which decides how small the sample may be.
    /// - Returns: One list of values per bound, ascending.
    /// - Throws: ``PostgresError``.
    package func bounds(of rows: SQL, key: Key, count: Int, bytes: Int) throws -> [[ServerText]] {
        let pages = max(1, bytes / Self.pageBytes)
        let percent = 100.0 * Double(count * Self.sampledPagesPerChunk) / Double(pages)
        if percent < 50 {
            let sampled = try cuts(
                in: "\(rows) TABLESAMPLE SYSTEM (\(literal: String(percent))) REPEATABLE (1)",
                key,
                count
            )
            // A sample may hit only empty pages (after a large DELETE); then every key is read.
            if sampled.count >= count / 2 { return sampled }
        }
        return try cuts(in: rows, key, count)
    }

    /// The smallest key whose first column is not below a value.
    private func firstKey(of table: TablePlan, _ key: Key, notBelow bound: ServerText) throws -> [ServerText]? {
        do {
            return try firstKey(of: table.rows, key, notBelow: bound)
        } catch let error as PostgresError where error.sqlState?.utf8.starts(with: "22".utf8) == true {
            // Class 22: the text is not a value of the column's type.
            throw PlanError(
                .usage,
                "immutable_below of \(table.name) is not a value of its key's first column: \(error.message)",
                hint: "give a value as the column prints it"
            )
        }
    }

    private func firstKey(of rows: SQL, _ key: Key, notBelow bound: ServerText) throws -> [ServerText]? {
        guard let first = key.parts.first else { return nil }
        let texts = key.columns.map { SQL.printed("\($0)") }.joined(separator: ", ")
        return try connection.query(
            Cut.self,
            """
            SELECT pg_catalog.json_build_array(\(texts)) AS bound FROM \(rows)
            WHERE \(first.comparable) >= \(first.bound(bound))
            ORDER BY \(key.order) LIMIT 1
            """
        ).first?.bound
    }

    /// The distinct bounds, sorted by the server in the key's order.
    private func sorted(_ bounds: [[ServerText]], _ key: Key) throws -> [[ServerText]] {
        let rows = Set(bounds).map { bound in
            let values = zip(key.parts, bound).map { part, value in
                "\(literal: value)::\(SQL(trusted: part.type))" as SQL
            }
            return "(\(values.joined(separator: ", ")))" as SQL
        }
        let texts = key.columns.map { SQL.printed("\($0)") }.joined(separator: ", ")
        return try connection.query(
            Cut.self,
            """
            SELECT pg_catalog.json_build_array(\(texts)) AS bound
            FROM (VALUES \(rows.joined(separator: ", "))) AS v(\(key.columns.commaSeparated)) ORDER BY \(key.order)
            """
        ).map(\.bound)
    }

    /// Cuts a range into parts and returns the lower bounds of all except the first; reads every key in the range.
    ///
    /// - Parameters:
    ///   - range: The range.
    ///   - rows: The table, as a FROM item.
    ///   - key: Its key.
    ///   - count: The wanted number of parts; a range with fewer keys gets fewer.
    /// - Returns: One list of values per bound, ascending.
    /// - Throws: ``PostgresError``.
    package func cuts(_ range: KeyRange, of rows: SQL, key: Key, count: Int) throws -> [[ServerText]] {
        try cuts(in: rows, key, count, within: range.condition(on: key))
    }

    private func cuts(in relation: SQL, _ key: Key, _ count: Int, within condition: SQL = "true") throws
        -> [[ServerText]]
    {
        let texts = key.columns.map { SQL.printed("\($0)") }.joined(separator: ", ")
        return try connection.query(
            Cut.self,
            """
            SELECT pg_catalog.json_build_array(\(texts)) AS bound
            FROM (SELECT \(key.columns.commaSeparated),
                         pg_catalog.row_number() OVER (ORDER BY \(key.order)) AS position,
                         count(*) OVER () AS total
                  FROM \(relation) WHERE \(condition)) AS s
            WHERE position > 1
              AND (position - 1) * \(count) / total > (position - 2) * \(count) / total
            ORDER BY position
            """
        ).map(\.bound)
    }

    private struct Cut: Decodable {
        let bound: [ServerText]
    }
}
