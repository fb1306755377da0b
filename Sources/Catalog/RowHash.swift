package import Postgres

/// How a row becomes a number that is the same on both servers.
///
/// Over the row's text, every column by name and with pinned settings: equality of text, not `=`, for which 1.0 is 1.00.
/// Hashes are added up, not XORed, since a row that is there twice would cancel itself; the sum is exact (numeric).
package enum RowHash: String, Sendable {
    /// 64 bits, fast; its outcome is not promised to stay the same across versions, so it is probed first.
    case hashtextextended
    /// The first 64 bits of md5.
    case md5
    /// The same over the text in UTF-8: the two databases keep text in different encodings.
    case md5OfUTF8

    private static let probe: SQL = """
        SELECT pg_catalog.string_agg(pg_catalog.hashtextextended(pg_catalog.repeat('tidemark ', n), 0)::text, ',') AS h
        FROM pg_catalog.generate_series(0, 40) AS n
        """

    /// The fastest hash that gives the same on both servers.
    ///
    /// - Parameters:
    ///   - source: A connection to the source.
    ///   - target: A connection to the target.
    /// - Returns: The hash to use.
    /// - Throws: ``PostgresError``.
    package static func common(to source: Connection, and target: Connection) throws -> RowHash {
        let encoding: SQL = "SELECT pg_catalog.current_setting('server_encoding') AS e"
        guard try source.queryOne(encoding).text("e") == target.queryOne(encoding).text("e") else { return .md5OfUTF8 }
        return try source.queryOne(probe).text("h") == target.queryOne(probe).text("h") ? .hashtextextended : .md5
    }

    /// The hash of a row of columns, as bigint.
    package func expression(_ columns: [Column]) -> SQL {
        let values = columns.map { column -> SQL in
            // As text bytes are twice as long, and a row's text ends at 1 GB.
            column.isBytes ? "pg_catalog.md5(\(column.identifier))" : "\(column.identifier)"
        }
        let row: SQL = "ROW(\(values.joined(separator: ", ")))::text"
        return switch self {
        case .hashtextextended: "pg_catalog.hashtextextended(\(row), 0)"
        case .md5OfUTF8:
            """
            ('x' || pg_catalog.substr(pg_catalog.md5(pg_catalog.convert_to(\(row), 'UTF8')), 1, 16))::pg_catalog.bit(64)::bigint
            """
        case .md5: "('x' || pg_catalog.substr(pg_catalog.md5(\(row)), 1, 16))::pg_catalog.bit(64)::bigint"
        }
    }
}
