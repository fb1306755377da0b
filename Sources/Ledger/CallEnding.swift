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
    /// - Returns: The ending; nil if none has ended, or the last one was killed.
    /// - Throws: ``PostgresError``.
    package func lastEnding() throws -> CallEnding? {
        try connection.query(
            CallEnding.self,
            """
            SELECT pg_catalog.split_part(e.subject, ': ', 1) AS command,
                   pg_catalog.substr(e.subject, pg_catalog.strpos(e.subject, ': ') + 2) AS outcome,
                   pg_catalog.to_char(e.at, 'YYYY-MM-DD HH24:MI:SS "UTC"') AS at
            FROM tidemark.event e
            WHERE e.kind = \(literal: Self.endedKind)
              AND NOT EXISTS (SELECT FROM tidemark.event b WHERE b.kind = \(literal: Self.beganKind) AND b.event_id > e.event_id)
            ORDER BY e.event_id DESC LIMIT 1
            """
        ).first
    }
}
