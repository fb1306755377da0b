import Postgres

/// How fast the run may copy, as set by an operator while it works.
package struct RunThrottle: Sendable, Codable {
    /// Bytes a second; 0: no limit; nil: what the command was called with.
    package let maxRate: Int?
    /// Chunks copied at the same time; nil: what the command was called with.
    package let jobs: Int?
    package let isPaused: Bool
}

extension Ledger {
    /// Reads what an operator has set since the call began.
    ///
    /// - Returns: nil if nothing was.
    /// - Throws: ``PostgresError``.
    package func throttle() throws -> RunThrottle? {
        try connection.query(RunThrottle.self, "SELECT max_rate, jobs, is_paused FROM tidemark.throttle").first
    }

    /// Sets rate, jobs or pause for the call that is at work; the next call begins without them.
    ///
    /// A table of its own, because workers lock the run's row.
    ///
    /// - Parameters:
    ///   - maxRate: Bytes a second; 0: no limit; nil: as before.
    ///   - jobs: Chunks copied at the same time; nil: as before.
    ///   - isPaused: nil: as before.
    /// - Returns: What is set now.
    /// - Throws: ``PostgresError``.
    package func setThrottle(maxRate: Int?, jobs: Int?, isPaused: Bool?) throws -> RunThrottle {
        let rate = maxRate.map(String.init)
        let paused = isPaused.map(String.init)
        let count = jobs.map(String.init)
        let set = try connection.query(
            RunThrottle.self,
            """
            INSERT INTO tidemark.throttle (max_rate, jobs, is_paused)
            VALUES (\(value: rate)::bigint, \(value: count)::integer, coalesce(\(value: paused)::boolean, false))
            ON CONFLICT (is_only) DO UPDATE
            SET max_rate = coalesce(excluded.max_rate, throttle.max_rate),
                jobs = coalesce(excluded.jobs, throttle.jobs),
                is_paused = coalesce(\(value: paused)::boolean, throttle.is_paused)
            RETURNING max_rate, jobs, is_paused
            """
        )
        guard let first = set.first else { throw LedgerError(.missing, "the ledger is empty") }
        return first
    }
}
