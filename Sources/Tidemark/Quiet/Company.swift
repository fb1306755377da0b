import Postgres

/// Who else is connected to the source, and what they may keep to themselves.
///
/// A session counts the rows it writes for itself and hands the counts in when it goes idle outside of a transaction, ten
/// seconds later at the latest, and when it ends. While a statement runs, and while it sits in a transaction, it holds
/// them back, also those of transactions it has committed before (a procedure that commits in a loop, a client that opens
/// the next transaction at once). So whoever is not idle for eleven seconds is unknown.
struct Company {
    /// What this run's sessions are called.
    private let ours: String

    init(_ session: String) {
        ours = session
    }

    private static let secondsOfRest = 11
    /// Up to PostgreSQL 14 a collector needs a moment to take what was handed in.
    private static let collectorDelay = Duration.seconds(1)

    /// What may write in this database, ourselves apart.
    ///
    /// Of other roles' sessions hardly anything is told to a role without `pg_read_all_stats`, their kind neither. A
    /// parallel worker hands in with its leader; autovacuum and WAL senders write no row.
    private var others: SQL {
        """
        datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND usesysid IS NOT NULL
        AND coalesce(backend_type, 'client backend') NOT IN ('autovacuum worker', 'walsender', 'parallel worker')
        AND NOT pg_catalog.starts_with(application_name, \(value: ours))
        """
    }

    /// What a session of `pg_stat_activity` is called.
    static let name: SQL = "coalesce(nullif(application_name, ''), usename, 'unnamed')"

    /// A session that may hold counts back.
    struct Restless: Sendable {
        let description: String
    }

    /// Whether a session has done nothing since the counters were read before, or still is in the transaction it was in.
    ///
    /// Unknown where its state is hidden. It must not have written in that transaction.
    private static func isOld(since before: Quiet.Baseline) -> SQL {
        """
        CASE state WHEN 'idle' THEN state_change ELSE xact_start END < \(value: before.readAt)::timestamptz
        AND backend_type NOT LIKE 'logical replication%'
        """
    }

    /// Those who may hold counts back now that matter.
    ///
    /// Whoever has done nothing since the counters were read before, or still is in the transaction he was in then and has
    /// not written in it, holds back only what the snapshot has.
    ///
    /// - Parameters:
    ///   - connection: The source, where nobody has written and may still commit.
    ///   - before: When the counters were read first; nil: whatever they hold back matters.
    /// - Returns: The sessions.
    /// - Throws: ``PostgresError``.
    func restless(_ connection: Connection, since before: Quiet.Baseline? = nil) throws -> [Restless] {
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

    /// Waits until nobody holds counts back any more.
    ///
    /// - Parameters:
    ///   - connection: The source.
    ///   - before: When the counters were read first.
    ///   - patience: How long to wait.
    ///   - tell: Receives what is waited for.
    /// - Returns: Who still may.
    /// - Throws: ``PostgresError``.
    func settle(
        _ connection: ThreadConfined<Connection>,
        since before: Quiet.Baseline? = nil,
        patience: Duration,
        _ tell: @escaping @Sendable (String) -> Void
    ) async throws -> [Restless] {
        var waiting = Waiting(patience: patience, tell)
        while true {
            let restless = try await connection.run { try self.restless($0, since: before) }
            guard !restless.isEmpty else { break }
            let reason = "waiting until other sessions have rested for \(Self.secondsOfRest) s: \(Self.list(restless))"
            guard try await waiting.goesOn(reason) else { return restless }
        }
        if try await connection.run({ $0.serverVersion.major < 15 }) { try await Task.sleep(for: Self.collectorDelay) }
        return []
    }

    /// Why nothing can be said while they are there.
    static func reason(_ restless: [Restless]) -> String {
        "sessions that have not rested for \(secondsOfRest) s may hold back what they wrote: \(list(restless)); "
            + "end them, or let a role with pg_read_all_stats look"
    }

    private static func list(_ restless: [Restless]) -> String {
        restless.prefix(5).map(\.description).joined(separator: ", ") + (restless.count > 5 ? ", …" : "")
    }

    /// Why the counters would not tell of a write; nil where they would.
    ///
    /// - Parameters:
    ///   - connection: The source.
    ///   - before: When the counters were read first.
    /// - Returns: The reason.
    /// - Throws: ``PostgresError``.
    func blindness(_ connection: Connection, since before: Quiet.Baseline) throws -> String? {
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
            return "the server does not count what everybody writes (track_counts)"
        }
        let isNewer = connection.serverVersion.major >= 15
        // Whoever may turn the counting off may have done so for a session. Up to PostgreSQL 14 messages to the collector
        // may be lost as well.
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
            ? "sessions have worked since that may have turned the counting of rows off (superusers): \(names)"
            : "sessions that have worked since stay connected, which up to PostgreSQL 14 may keep to themselves what "
                + "they wrote: \(names)"
    }

    /// Who is there, and what was prepared: whoever is there may write again.
    ///
    /// - Parameter connection: The source.
    /// - Returns: For people.
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
        let told =
            sessions == 0
            ? "nobody else is connected" : "\(sessions) other sessions: \(names.joined(separator: ", "))\(more)"
        return prepared == 0 ? told : "\(told); \(prepared) prepared transactions"
    }
}
