package import Postgres

/// The client that works on a run now, as the target's server sees it.
package struct RunClient: Sendable, Codable {
    /// Its server process.
    package let process: Int
    package let role: ServerText
    /// Where it is connected from; nil: from the server's own machine.
    package let address: String?
    /// Since when, in seconds.
    package let seconds: Int
    /// The command, such as `cutover`; nil: it has not opened the run yet.
    package let command: ServerText?
    /// The phase it is in; nil: none has lasted longer than a second.
    package let phase: ServerText?
    /// How long it has been in it, in seconds.
    package let phaseSeconds: Int?
}

extension Ledger {
    /// The kind of the audit trail's entry about a phase that has begun.
    package static let phaseKind = "phase"
    /// The kind of the entry about a call that has begun.
    package static let beganKind = "began"
    /// The kind of the entry about a call that has ended.
    package static let endedKind = "ended"

    /// Returns the client that works on the run.
    ///
    /// - Returns: The client; nil: none is connected.
    /// - Throws: ``PostgresError``.
    package func client() throws -> RunClient? {
        try connection.query(
            RunClient.self,
            """
            SELECT a.pid AS process, coalesce(a.usename, '?') AS role, pg_catalog.host(a.client_addr) AS address,
                   coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start), 0)::int AS seconds,
                   began.subject AS command, phase.subject AS phase,
                   extract(epoch FROM pg_catalog.clock_timestamp() - phase.at)::int AS phase_seconds
            FROM pg_catalog.pg_locks l
            JOIN pg_catalog.pg_stat_activity a USING (pid)
            CROSS JOIN tidemark.run r
            LEFT JOIN LATERAL (SELECT e.event_id, e.subject FROM tidemark.event e
                               -- Another client may hold the lock before it has raised the epoch.
                               WHERE e.epoch = r.epoch AND r.owner_process = l.pid AND e.kind = \(literal: Self.beganKind)
                               ORDER BY e.event_id DESC LIMIT 1) began ON true
            LEFT JOIN LATERAL (SELECT e.at, e.subject FROM tidemark.event e
                               WHERE e.epoch = r.epoch AND e.kind = \(literal: Self.phaseKind) AND e.event_id > began.event_id
                               ORDER BY e.event_id DESC LIMIT 1) phase ON true
            WHERE l.locktype = 'advisory' AND l.granted AND (l.classid, l.objid) = (\(Self.lockKey))
              AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
            """
        ).first
    }
}
