import Postgres

/// The other sessions on the source, and whether they have reported the rows they wrote.
///
/// A session counts the rows it writes, and reports the counts when it becomes idle outside a transaction (at most ten
/// seconds later) and when it ends. While a statement or transaction is open it reports nothing, not even for earlier
/// transactions (a procedure that commits in a loop, a client that opens the next transaction at once). So the counts of
/// a session are complete only after it has been idle for eleven seconds.
struct Company {
    /// The prefix of this run's session names.
    private let ours: String

    init(_ session: String) {
        ours = session
    }

    private static let secondsOfRest = 11
    /// Up to PostgreSQL 14 the statistics collector needs a moment to receive reported counts.
    private static let collectorDelay = Duration.seconds(1)

    /// The other sessions that may write in this database.
    ///
    /// A role without `pg_read_all_stats` sees hardly anything of other roles' sessions, not even their type. A parallel
    /// worker reports with its leader; autovacuum and WAL senders write no rows. Neither do our own sessions that watch for
    /// locks, show the status or wait for a call; on the target they have no run's name.
    private var others: SQL {
        """
        datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND usesysid IS NOT NULL
        AND coalesce(backend_type, 'client backend') NOT IN ('autovacuum worker', 'walsender', 'parallel worker')
        AND NOT pg_catalog.starts_with(application_name, \(value: ours))
        AND application_name NOT IN ('tidemark watch', 'tidemark status', 'tidemark worker')
        """
    }

    /// The name of a session in `pg_stat_activity`.
    static let name: SQL = "coalesce(nullif(application_name, ''), usename, 'unnamed')"

    /// Another session, by its server process.
    struct Process: Sendable {
        let process: Int
        let description: String
    }

    /// The other sessions of clients; those of the server itself come and go.
    ///
    /// Ours are kept for their next user, some of them under the name of a command.
    ///
    /// - Parameter connection: The source.
    /// - Returns: The sessions.
    /// - Throws: ``PostgresError``.
    func processes(_ connection: Connection) throws -> [Process] {
        try connection.query(
            """
            SELECT pid, \(Self.name) AS name, usename FROM pg_catalog.pg_stat_activity
            WHERE \(others) AND coalesce(backend_type, 'client backend') = 'client backend'
              AND NOT pg_catalog.starts_with(application_name, 'tidemark ')
            ORDER BY pid
            """
        ).map { row in
            let process = try row.integer("pid")
            return Process(
                process: process,
                description:
                    "\(try row.text("name").visible) (server process \(process), role \(try row.text("usename").visible))"
            )
        }
    }

    /// A session that may not have reported all of its counts.
    struct Restless: Sendable {
        let description: String
    }

    /// Whether a session has done nothing since the counters were first read, or is still in the same transaction.
    ///
    /// NULL if its state is hidden. The session must not have written in that transaction.
    private static func isOld(since before: String) -> SQL {
        """
        CASE state WHEN 'idle' THEN state_change ELSE xact_start END < \(value: before)::timestamptz
        AND backend_type NOT LIKE 'logical replication%'
        """
    }

    /// Returns the sessions whose unreported counts matter.
    ///
    /// A session that has done nothing since the counters were first read can only hold counts of rows that the snapshot
    /// has. The same is true of one that is still in the same transaction and has not written in it.
    ///
    /// - Parameters:
    ///   - connection: The source, on which no transaction that has written is open.
    ///   - before: When the counters were first read; nil if all unreported counts matter.
    /// - Returns: The sessions.
    /// - Throws: ``PostgresError``.
    func restless(_ connection: Connection, since before: String? = nil) throws -> [Restless] {
        let isOld: SQL = before.map { Self.isOld(since: $0) } ?? "false"
        return try connection.query(
            """
            SELECT pid, \(Self.name) AS name, coalesce(state, 'what it does is hidden') AS state
            FROM pg_catalog.pg_stat_activity
            WHERE \(others) AND (\(isOld)) IS NOT TRUE
              AND (state IS DISTINCT FROM 'idle' OR state_change IS NULL
                   OR state_change > pg_catalog.clock_timestamp() - interval '\(Self.secondsOfRest) s'
                   -- It writes whenever its publisher does.
                   OR backend_type LIKE 'logical replication%worker')
            ORDER BY 2, 1
            """
        ).map { row in
            Restless(
                description:
                    "\(try row.text("name").visible) (server process \(try row.integer("pid")), \(try row.word("state")))"
            )
        }
    }

    /// Waits until all sessions have reported their counts.
    ///
    /// - Parameters:
    ///   - connection: The source.
    ///   - before: When the counters were first read.
    ///   - patience: How long to wait.
    ///   - note: Receives a line about each wait.
    /// - Returns: The sessions that have not reported.
    /// - Throws: ``PostgresError``.
    func settle(
        _ connection: ThreadConfined<Connection>,
        since before: String? = nil,
        patience: Duration,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> [Restless] {
        var waiting = Waiting(patience: patience, note)
        while true {
            let restless = try await connection.run { try self.restless($0, since: before) }
            guard !restless.isEmpty else { break }
            let reason =
                "waiting until other sessions have been idle for \(Self.secondsOfRest) s: \(Self.list(restless))"
            guard try await waiting.goesOn(reason) else { return restless }
        }
        if try await connection.run({ $0.serverVersion.major < 15 }) { try await Task.sleep(for: Self.collectorDelay) }
        return []
    }

    /// The reason for the report.
    static func reason(_ restless: [Restless]) -> String {
        "sessions that were not idle for \(secondsOfRest) s may have written rows that are not counted yet: "
            + "\(list(restless)); end them, or connect as a role with pg_read_all_stats"
    }

    private static func list(_ restless: [Restless]) -> String {
        restless.prefix(5).map(\.description).joined(separator: ", ") + (restless.count > 5 ? ", …" : "")
    }

    /// Returns why the counters may miss a write; nil if they do not.
    ///
    /// - Parameters:
    ///   - connection: The source.
    ///   - before: When the counters were first read.
    /// - Returns: The reason.
    /// - Throws: ``PostgresError``.
    func blindness(_ connection: Connection, since before: String) throws -> String? {
        let counting = try connection.queryOne(
            """
            SELECT pg_catalog.current_setting('track_counts') = 'on' AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS c
                WHERE c ~* '^track_counts='
                  AND s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                                            WHERE d.datname = pg_catalog.current_database()))) AS is_on
            """
        )
        guard try counting.boolean("is_on") else {
            return "the server does not count the rows of every session (track_counts)"
        }
        let isNewer = connection.serverVersion.major >= 15
        // A role that may turn counting off may have done so for its session. Up to PostgreSQL 14 messages to the
        // statistics collector may be lost as well.
        let mayWriteUncounted: SQL =
            isNewer
            ? """
            (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.oid = usesysid)
            OR pg_catalog.has_parameter_privilege(usesysid, 'track_counts', 'SET')
            """ : "true"
        let active = try connection.query(
            """
            SELECT \(Self.name) || ' (server process ' || pid::pg_catalog.text || ')' AS name FROM pg_catalog.pg_stat_activity
            WHERE \(others)
              AND (\(Self.isOld(since: before))) IS NOT TRUE
              AND (\(mayWriteUncounted))
            ORDER BY 1
            """
        ).map { try $0.text("name").visible }
        guard !active.isEmpty else { return nil }
        let names = active.prefix(5).joined(separator: ", ") + (active.count > 5 ? ", …" : "")
        return isNewer
            ? "sessions that may have turned off the counting of rows (superusers) were active since then: \(names)"
            : "sessions that were active since then are still connected; up to PostgreSQL 14 their counts may be lost: \(names)"
    }

    /// Describes the other sessions and the prepared transactions; all of them may write later.
    ///
    /// - Parameter connection: The source.
    /// - Returns: The text for the report.
    /// - Throws: ``PostgresError``.
    func description(_ connection: Connection) throws -> String {
        let rows = try connection.query(
            """
            SELECT \(Self.name) AS name, count(*) AS n FROM pg_catalog.pg_stat_activity
            WHERE \(others) GROUP BY 1 ORDER BY 2 DESC, 1
            """
        )
        let sessions = try rows.reduce(0) { $0 + (try $1.integer("n")) }
        let prepared = try connection.queryOne(
            """
            SELECT count(*) AS n FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()
            """
        ).integer("n")
        let names = try rows.prefix(5).map { "\(try $0.text("name").visible) × \(try $0.integer("n"))" }
        let more = rows.count > 5 ? ", …" : ""
        let sessionsText =
            sessions == 0
            ? "no other session is connected"
            : "\(sessions) other \(sessions == 1 ? "session" : "sessions"): \(names.joined(separator: ", "))\(more)"
        return prepared == 0
            ? sessionsText : "\(sessionsText); \(prepared) prepared \(prepared == 1 ? "transaction" : "transactions")"
    }
}
