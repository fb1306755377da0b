import Postgres

/// Whether the source stood still since before a snapshot.
struct Quiet: Sendable {
    let isProven: Bool
    let description: String

    /// What had been written on the source before the last snapshot was taken, by table.
    struct Baseline: Sendable {
        let writes: [ServerText: Int]
        /// The server's clock just before.
        let readAt: String

        /// Reads the counters, when sessions that have gone idle have handed theirs in.
        ///
        /// - Parameters:
        ///   - source: The source.
        ///   - session: What this run's sessions are called.
        /// - Throws: ``PostgresError``.
        init(of source: Endpoint, session: String) async throws {
            (readAt, writes) = try await ThreadConfined.with(source, purpose: "\(session) quiet") { connection in
                try await settle(connection, session)
                return try await connection.run { connection in
                    let now = try connection.queryOne("SELECT pg_catalog.clock_timestamp()::text AS now").word("now")
                    return (now, try Quiet.writes(connection))
                }
            }
        }
    }

    /// What large objects are kept in (PostgreSQL manual 53.30, 53.31).
    static let largeObjectTables: [ServerText] = ["pg_catalog.pg_largeobject", "pg_catalog.pg_largeobject_metadata"]

    /// Of other roles' sessions hardly anything is told to a role without `pg_read_all_stats`, their kind neither.
    private static let isClient: SQL =
        "usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'"

    /// A session that has gone idle hands its counters in after ten seconds at the latest.
    private static let counterDelay = Duration.seconds(11)
    /// One that has ended has handed them in; up to PostgreSQL 14 a collector needs a moment to take them.
    private static let collectorDelay = Duration.seconds(1)

    /// Looks for anything that wrote since the baseline, or may still commit what it wrote.
    ///
    /// A transaction that changes anything takes an id. If none was in flight in the snapshot and none was handed out
    /// since, nothing was written in the whole cluster. Other things take ids as well (ANALYZE, temporary tables, row
    /// locks, other databases): then the counters of rows written decide, table by table. They count a transaction when
    /// it ends, so one that was in flight in the snapshot is seen as well.
    ///
    /// - Parameters:
    ///   - before: The counters from before the snapshot.
    ///   - snapshot: The last snapshot.
    ///   - source: The source.
    ///   - withLargeObjects: Whether large objects were brought over.
    ///   - session: What this run's sessions are called.
    /// - Returns: What was found.
    /// - Throws: ``PostgresError``.
    static func evidence(
        since before: Baseline,
        _ snapshot: Snapshot,
        on source: Endpoint,
        withLargeObjects: Bool,
        session: String
    ) async throws -> Quiet {
        try await ThreadConfined.with(source, purpose: "\(session) quiet") { connection in
            // A standby shows neither what is in flight nor what it has not replayed yet, and counts no writes.
            if try await connection.run({ try isStandby($0) }) {
                return Quiet(
                    isProven: false,
                    description: "the source is a standby, which cannot show whether it has all its primary has; "
                        + "compare the target with the primary: tidemark verify"
                )
            }
            let company = try await connection.run { try Self.company($0, except: session) }
            let writing = try await connection.run { try writers($0) }
            guard writing == 0 else {
                return Quiet(
                    isProven: false,
                    description: "\(writing) transactions on the source have written and may still commit; \(company)"
                )
            }
            let now = try await connection.run { try current($0) }
            if snapshot.inFlight.isEmpty, now.xmax == snapshot.xmax {
                return Quiet(
                    isProven: true,
                    description: "no transaction wrote on the source since the last snapshot "
                        + "(no id was handed out since \(snapshot.xmax), none was in flight); \(company)"
                )
            }
            if let blindness = try await connection.run({ try Self.blindness($0, since: before, session) }) {
                return Quiet(
                    isProven: false,
                    description:
                        "transaction ids were handed out on the source since the last snapshot, and \(blindness); \(company)"
                )
            }
            try await settle(connection, session)
            let after = try await connection.run { try writes($0) }
            let written = after.filter { name, count in
                count != before.writes[name] ?? 0 && (withLargeObjects || !largeObjectTables.contains(name))
            }.keys.sorted()
            guard !written.isEmpty else {
                return Quiet(
                    isProven: true,
                    description:
                        "\(now.xmax - snapshot.xmax) transaction ids were handed out on the source since the last snapshot, "
                        + "but no row was written in any table of this database (counters); \(company)"
                )
            }
            let shown = written.prefix(5).map(\.visible).joined(separator: ", ") + (written.count > 5 ? ", …" : "")
            return Quiet(
                isProven: false,
                description:
                    "the source was written after the last snapshot, and the target does not have it: \(shown); \(company)"
            )
        }
    }

    /// Why the counters would not tell of a write; nil where they would.
    static func blindness(_ connection: Connection, since before: Baseline, _ session: String) throws -> String? {
        let counting = try connection.queryOne(
            """
            SELECT pg_catalog.current_setting('track_counts')::boolean AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS c
                WHERE c ~* '^track_counts='
                  AND s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                                            WHERE d.datname = pg_catalog.current_database()))) AS is_on
            """
        )
        guard try counting.boolean("is_on") else {
            return "the server does not count what everybody writes (track_counts)"
        }
        guard connection.serverVersion.major < 15 else { return nil }
        let active = try connection.queryOne(
            """
            SELECT count(*) AS n FROM pg_catalog.pg_stat_activity
            WHERE datname = pg_catalog.current_database() AND \(Self.isClient)
              AND NOT pg_catalog.starts_with(application_name, \(value: session))
              AND (state IS DISTINCT FROM 'idle' OR state_change IS NULL
                   OR state_change >= \(value: before.readAt)::timestamptz)
            """
        ).integer("n")
        return active == 0
            ? nil
            : "\(active) sessions that have worked since stay connected: up to PostgreSQL 14 such sessions "
                + "may keep to themselves what they wrote"
    }

    /// Who else is connected, and what was prepared: whoever is there may write again.
    private static func company(_ connection: Connection, except prefix: String) throws -> String {
        let rows = try connection.query(
            """
            SELECT coalesce(nullif(application_name, ''), usename, 'unnamed') AS name, count(*) AS n
            FROM pg_catalog.pg_stat_activity
            WHERE datname = pg_catalog.current_database() AND \(Self.isClient)
              AND NOT pg_catalog.starts_with(application_name, \(value: prefix))
            GROUP BY 1 ORDER BY 2 DESC, 1
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

    /// How many transactions of this database, prepared ones included, hold a lock that only writers take.
    ///
    /// - Parameters:
    ///   - connection: The source.
    ///   - ofLargeObjectsOnly: Whether other writers are not counted.
    /// - Returns: Their number.
    /// - Throws: ``PostgresError``.
    static func writers(_ connection: Connection, ofLargeObjectsOnly: Bool = false) throws -> Int {
        let oids = largeObjectTables.map { "\(literal: $0)::pg_catalog.regclass" as SQL }.joined(separator: ", ")
        let others: SQL = ofLargeObjectsOnly ? "false" : "relation >= 16384"
        return try connection.queryOne(
            """
            SELECT count(DISTINCT virtualtransaction) AS n FROM pg_catalog.pg_locks
            WHERE locktype = 'relation' AND granted AND (\(others) OR relation IN (\(oids)))
              AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
              AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
              AND pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
            """
        ).integer("n")
    }

    /// Waits until counters of transactions that have ended are in.
    static func settle(_ connection: ThreadConfined<Connection>, _ session: String) async throws {
        let isAlone = try await connection.run { try !hasCompany($0, except: session) }
        let isCollected = try await connection.run { $0.serverVersion.major >= 15 }
        if isAlone, isCollected { return }
        try await Task.sleep(for: isAlone ? collectorDelay : counterDelay)
    }

    /// Whether somebody else is connected, who may hold counters back.
    private static func hasCompany(_ connection: Connection, except prefix: String) throws -> Bool {
        try connection.queryOne(
            """
            SELECT count(*) AS n FROM pg_catalog.pg_stat_activity
            WHERE datname = pg_catalog.current_database() AND \(Self.isClient)
              AND NOT pg_catalog.starts_with(application_name, \(value: prefix))
            """
        ).integer("n") > 0
    }

    private static func isStandby(_ connection: Connection) throws -> Bool {
        try connection.queryOne("SELECT pg_catalog.pg_is_in_recovery() AS standby").boolean("standby")
    }

    private static func current(_ connection: Connection) throws -> Snapshot {
        try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot").snapshot("snapshot")
    }

    /// Rows inserted, updated and deleted, by table, since the server's statistics began.
    static func writes(_ connection: Connection) throws -> [ServerText: Int] {
        let largeObjects = largeObjectTables.map { "\(literal: $0)" as SQL }.joined(separator: ", ")
        let rows = try connection.query(
            """
            SELECT s.name, s.n
            FROM (SELECT schemaname, schemaname || '.' || relname AS name, (n_tup_ins + n_tup_upd + n_tup_del) AS n
                  FROM pg_catalog.pg_stat_all_tables) AS s
            WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema' OR s.name IN (\(largeObjects))
            """
        )
        return Dictionary(try rows.map { (try $0.text("name"), try $0.integer("n")) }, uniquingKeysWith: +)
    }
}
