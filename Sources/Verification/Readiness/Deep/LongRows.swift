package import Catalog
package import Postgres

/// Rows so long that they may not fit into a message of the server, which is 1 GB at most (PostgreSQL manual, appendix K).
package enum LongRows {
    /// Rows are named from this length on, in bytes.
    private static let worthSaying = 512 << 20
    /// What LZ4 makes of a single letter repeated.
    private static let bestCompression = 256

    /// Estimates the longest row of a table as text; the values themselves are not read.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - condition: Selects the rows that are copied.
    ///   - connection: A connection with an open snapshot.
    /// - Returns: What is found; nil if all rows are short enough.
    /// - Throws: ``PostgresError``.
    package static func finding(in table: Table, where condition: SQL?, on connection: Connection) throws -> Finding? {
        let stored = try connection.queryOne(
            """
            SELECT coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0) AS bytes
            FROM pg_catalog.pg_class c WHERE c.oid = \(literal: ServerText(String(table.oid)))::pg_catalog.oid
            """
        )
        guard try stored.integer("bytes") * bestCompression >= worthSaying else { return nil }
        let lengths = table.columns.map { "coalesce(\(length(of: $0)), 0)::bigint" as SQL }
        let row = try connection.query(
            """
            SELECT r.bytes, r.place FROM (
                SELECT \(lengths.joined(separator: " + ")) AS bytes, ctid::text AS place
                FROM ONLY \(table.qualifiedName) WHERE \(condition ?? "true")) AS r
            WHERE r.bytes >= \(worthSaying) ORDER BY r.bytes DESC LIMIT 1
            """
        ).first
        guard let row else { return nil }
        return Finding(
            "table",
            object: table.qualifiedName.description,
            problem: "long-row",
            severity: .hurts,
            "its longest row, at ctid \(try row.text("place").visible), takes about \(try row.integer("bytes") >> 20) MiB as text, and one "
                + "of 1 GiB cannot be copied (nor dumped): store such values elsewhere, or split them"
        )
    }

    /// The length of a value as text, or nearly so, without reading it.
    private static func length(of column: Column) -> SQL {
        let name = Identifier(column.name)
        switch column.type {
        case "text": return "pg_catalog.octet_length(\(name))"
        case "bytea": return "2 * pg_catalog.octet_length(\(name))::bigint"
        case let type where type.begins(with: "character varying"):
            return "pg_catalog.octet_length(\(name)::pg_catalog.text)"
        default: return "pg_catalog.pg_column_size(\(name))"
        }
    }
}
