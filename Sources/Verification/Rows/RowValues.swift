import Catalog
import Planning
import Postgres

/// Reads given rows column by column, to find out in which columns two sides differ.
struct RowValues {
    /// The maximum number of characters shown of a value.
    private static let shownCharacters = 200

    let range: ComparedRange
    let key: Key
    let showsValues: Bool

    /// One row, its columns in the order of ``ComparedRange/columns``.
    struct Values: Decodable {
        let key: String
        /// The md5 of each value's text; nil: NULL.
        let digests: [String?]
        /// Each value as far as it may be shown; nil: NULL.
        let shown: [ServerText?]
    }

    /// Reads the rows with the given keys.
    ///
    /// - Parameters:
    ///   - keys: The keys of the rows, as text in hexadecimal.
    ///   - side: The side to read.
    ///   - connection: A connection to that side.
    /// - Returns: The rows that exist, by key.
    /// - Throws: ``PostgresError``.
    func read(_ keys: [String], of side: Endpoint.Side, on connection: Connection) throws -> [String: Values] {
        let wanted = keys.map { "\(literal: $0)" as SQL }.joined(separator: ", ")
        // Arrays, because two values per column may be more than a query can return.
        let digests = range.columns.map { column -> SQL in
            column.isBytes
                ? "pg_catalog.md5(\(column.identifier))" : "pg_catalog.md5(\(SQL.printed("\(column.identifier)")))"
        }
        let values = range.columns.map { column -> SQL in
            guard showsValues else { return "CASE WHEN \(column.identifier) IS NOT NULL THEN '...' END" }
            // Only the part that is shown: a value may have a gigabyte.
            let text: SQL =
                column.isBytes
                ? """
                '\\x' || pg_catalog.encode(pg_catalog.substr(\(column.identifier), 1, \(Self.shownCharacters / 2)), 'hex')
                """ : SQL.printed("\(column.identifier)")
            return "pg_catalog.left(\(text), \(Self.shownCharacters))"
        }
        let rows = try connection.query(
            Values.self,
            """
            SELECT q.key, q.digests, q.shown
            FROM (SELECT \(range.hexKey(key)) AS key,
                         pg_catalog.array_to_json(ARRAY[\(digests.joined(separator: ", "))]::pg_catalog.text[]) AS digests,
                         pg_catalog.array_to_json(ARRAY[\(values.joined(separator: ", "))]::pg_catalog.text[]) AS shown
                  FROM \(range.rows) WHERE \(range.condition(side))) AS q
            WHERE q.key IN (\(wanted))
            """
        )
        return Dictionary(keepingFirst: rows.map { ($0.key, $0) })
    }
}
