package import Postgres

/// How the last call that wrote to the target ended, as the audit trail says.
package struct CallEnding: Sendable, Codable {
    /// The command, such as `cutover`.
    package let command: ServerText
    /// Its outcome, such as `done`, or the error that ended it.
    package let outcome: ServerText
    /// When, in UTC.
    package let at: String
}

extension Ledger {
    /// Returns how the last call ended.
    ///
    /// - Returns: The ending; nil if no call has begun, or the last one is at work or was killed.
    /// - Throws: ``PostgresError``.
    package func lastEnding() throws -> CallEnding? {
        let kinds: SQL = "\(literal: Self.beganKind), \(literal: Self.endedKind)"
        return try connection.query(
            CallEnding.self,
            """
            SELECT pg_catalog.split_part(e.subject, ': ', 1) AS command,
                   pg_catalog.substr(e.subject, pg_catalog.strpos(e.subject, ': ') + 2) AS outcome,
                   pg_catalog.to_char(e.at, 'YYYY-MM-DD HH24:MI:SS "UTC"') AS at
            FROM (SELECT kind, subject, at FROM tidemark.event WHERE kind IN (\(kinds)) ORDER BY event_id DESC LIMIT 1) AS e
            WHERE e.kind = \(literal: Self.endedKind)
            """
        ).first
    }
}
