import Postgres
import Report

extension LoadWatch {
    /// How busy a server is at one moment.
    struct Look: Sendable {
        /// How far replicas are behind, with what has to be remembered for the next look.
        private(set) var lag: ReplicationLag
        /// Which limit is passed, in words; nil: none.
        private(set) var reason: String?
        /// What the role may not see, in words.
        private(set) var unseen: String?

        /// Looks at the source.
        ///
        /// - Parameters:
        ///   - source: A connection to the source.
        ///   - limits: What is looked at.
        ///   - lag: What the look before remembers.
        /// - Throws: ``PostgresError``.
        init(_ source: Connection, _ limits: BackOff, after lag: ReplicationLag) throws {
            try self.init(lagOn: source, limits, after: lag)
            if let most = limits.mostActiveSessions { try lookAtSessions(source, most) }
            if let probe = limits.probe { try lookAtProbe(source, probe, limit: limits.longestProbe) }
        }

        /// Looks only at the replicas of a server.
        ///
        /// - Parameters:
        ///   - server: A connection to the server.
        ///   - limits: What is looked at.
        ///   - lag: What the look before remembers.
        /// - Throws: ``PostgresError``.
        init(lagOn server: Connection, _ limits: BackOff, after lag: ReplicationLag) throws {
            self.lag = lag
            guard let longest = limits.longestLag else { return }
            if let furthest = try self.lag.furthest(on: server), furthest.lag > longest {
                reason =
                    "\(furthest.name.visible) is \(Quantity.duration(furthest.lag)) behind (limit: \(Quantity.duration(longest)))"
            }
            if self.lag.hidden > 0 {
                unseen =
                    "the \(server.endpoint.side.rawValue)'s role may not see how far its replicas are behind: GRANT pg_monitor TO it, or do not limit that"
            }
        }

        private mutating func lookAtSessions(_ source: Connection, _ most: Int) throws {
            let row = try source.queryOne(
                """
                SELECT count(*) FILTER (WHERE backend_type = 'client backend' AND state = 'active') AS active,
                       count(*) FILTER (WHERE backend_type IS NULL) AS hidden
                FROM pg_catalog.pg_stat_activity
                WHERE pid <> pg_catalog.pg_backend_pid() AND application_name NOT LIKE 'tidemark %'
                """
            )
            let active = try row.integer("active")
            if active > most { reason = reason ?? "\(active) sessions are active (limit: \(most))" }
            if try row.integer("hidden") > 0 {
                unseen =
                    unseen
                    ?? "the source's role may not see what sessions of other roles do, and does not count them: GRANT pg_read_all_stats TO it"
            }
        }

        private mutating func lookAtProbe(_ source: Connection, _ probe: String, limit longest: Duration) throws {
            let clock = ContinuousClock()
            let start = clock.now
            // A probe that hangs must not hang the watch, and says enough.
            let patience = max(5000, longest.wholeMilliseconds * 5)
            do {
                try source.transaction(.snapshot) {
                    // Its names are the operator's, not ours.
                    try source.execute(
                        """
                        SET LOCAL search_path = "$user", public;
                        SET LOCAL statement_timeout = \(literal: ServerText(String(patience)))
                        """
                    )
                    try source.execute(SQL(trusted: probe))
                }
            } catch let error as PostgresError where error.sqlState == "57014" {
                // Too slow.
            }
            let took = start.duration(to: clock.now)
            if took > longest {
                reason =
                    reason
                    ?? "the probe query took \(took.wholeMilliseconds) ms (limit: \(longest.wholeMilliseconds) ms)"
            }
        }
    }
}
