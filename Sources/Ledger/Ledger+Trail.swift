package import Postgres

/// An entry of the audit trail.
package struct TrailEntry: Sendable, Codable {
    /// When it was written, ISO 8601 in UTC.
    package let at: String
    /// Seconds since 1970 of that moment.
    package let time: Double
    /// The number of the client.
    package let epoch: Int
    package let pass: Int
    package let kind: String
    package let schemaName: ServerText?
    package let tableName: ServerText?
    package let chunkNumber: Int?
    package let subject: ServerText?
    package let rows: Int?
    package let bytes: Int?
    package let milliseconds: Int?
}

/// The audit trail: what was done, by which client, how long it took and how it ended.
extension Ledger {
    /// Reads the trail, oldest first.
    ///
    /// - Parameter chunks: Whether the entries about single chunks are included; there may be very many.
    /// - Returns: The entries.
    /// - Throws: ``PostgresError``.
    package func trail(withChunks chunks: Bool) throws -> [TrailEntry] {
        let wanted: SQL = chunks ? "true" : "e.chunk_number IS NULL"
        return try connection.query(
            TrailEntry.self,
            """
            SELECT pg_catalog.to_char(e.at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at, extract(epoch FROM e.at)::float8 AS time,
                   e.epoch, e.pass, e.kind, r.schema_name, r.table_name, e.chunk_number, e.subject, e.rows, e.bytes,
                   e.milliseconds
            FROM tidemark.event e LEFT JOIN tidemark.relation r USING (relation_id)
            WHERE \(wanted) ORDER BY e.event_id
            """
        )
    }

    /// Writes to the trail that a call begins or ends, in its own statement; nothing if another client has taken over.
    ///
    /// - Parameters:
    ///   - kind: What happened.
    ///   - subject: Which command, and how it ended.
    ///   - duration: How long it took.
    /// - Throws: ``PostgresError``.
    package func note(_ kind: String, _ subject: String, duration: Duration? = nil) throws {
        try connection.execute(
            """
            INSERT INTO tidemark.event (epoch, pass, kind, subject, milliseconds)
            SELECT r.epoch, r.pass, \(value: kind), \(value: subject),
                   \(value: duration.map { String($0.wholeMilliseconds) })::bigint
            FROM tidemark.run r WHERE r.epoch = \(value: epoch)
            """
        )
    }
}
