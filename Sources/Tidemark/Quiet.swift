import Postgres

/// Whether the source stood still since a snapshot.
struct Quiet: Sendable {
    let isProven: Bool
    let description: String

    /// What the source looked like when the last snapshot was taken.
    struct Baseline: Sendable {
        let snapshot: Snapshot
        let writes: [String: Int]
        let writers: Int

        /// Reads the counters; the snapshot's transaction may be open on the connection.
        init(_ snapshot: Snapshot, _ source: ThreadConfined<Connection>) async throws {
            self.snapshot = snapshot
            (writes, writers) = try await source.run { try (Quiet.writes($0), Quiet.writers(in: snapshot, $0)) }
        }
    }

    /// A session that has gone idle hands its counters in after ten seconds at the latest.
    private static let counterDelay = Duration.seconds(11)
    /// One that has ended has handed them in; up to PostgreSQL 14 a collector needs a moment to take them.
    private static let collectorDelay = Duration.seconds(1)

    /// Looks for any transaction that wrote since the snapshot, or was still in flight in it.
    ///
    /// A transaction that changes anything takes an id. If no id was handed out since, nothing was written in the whole
    /// cluster. Other things take ids as well (ANALYZE, temporary tables, row locks, other databases): then the counters
    /// of rows written decide, table by table.
    ///
    /// - Parameters:
    ///   - before: What the source looked like.
    ///   - source: The source.
    ///   - session: What this run's sessions are called.
    /// - Returns: What was found.
    /// - Throws: ``PostgresError``.
    static func evidence(since before: Baseline, on source: Endpoint, session: String) async throws -> Quiet {
        try await ThreadConfined.with(source, purpose: "\(session) quiet") { connection in
            if let doubt = try await connection.run({ try doubt(before, $0) }) {
                return Quiet(isProven: false, description: doubt)
            }
            let ids = try await connection.run { try Int(current($0).xmax) } - Int(before.snapshot.xmax)
            guard ids > 0 else {
                return Quiet(isProven: true, description: "no transaction wrote on the source since the last snapshot")
            }
            let isAlone = try await connection.run { try !hasCompany($0, except: session) }
            try await Task.sleep(for: isAlone ? collectorDelay : counterDelay)
            let after = try await connection.run { try writes($0) }
            let written = after.filter { $0.value != before.writes[$0.key] ?? 0 }.keys.sorted()
            guard !written.isEmpty else {
                return Quiet(
                    isProven: true,
                    description:
                        "\(ids) transaction ids were handed out since the last snapshot, but no row was written "
                        + "in any table of this database (counters)"
                )
            }
            let shown = written.prefix(5).joined(separator: ", ") + (written.count > 5 ? ", …" : "")
            return Quiet(
                isProven: false,
                description: "the source was written after the last snapshot, and the target does not have it: \(shown)"
            )
        }
    }

    /// How many transactions of this database were writing in a snapshot; those of other databases do not matter.
    ///
    /// A transaction that has ended meanwhile counts: nobody can tell any more what it wrote.
    ///
    /// - Parameters:
    ///   - snapshot: The snapshot.
    ///   - connection: The server it was taken on.
    /// - Returns: Their number.
    /// - Throws: ``PostgresError``.
    static func writers(in snapshot: Snapshot, _ connection: Connection) throws -> Int {
        guard !snapshot.inFlight.isEmpty else { return 0 }
        let elsewhere = try connection.query(
            """
            SELECT l.transactionid::text AS id
            FROM pg_catalog.pg_locks l
            LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
            LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = l.transactionid
            WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
              AND coalesce(a.datname, p.database) <> pg_catalog.current_database()
            """
        ).map { try $0.text("id") }
        // pg_locks shows ids without their epoch.
        let foreign = Set(elsewhere)
        return snapshot.inFlight.count { !foreign.contains(String(UInt32(truncatingIfNeeded: $0))) }
    }

    private static func doubt(_ before: Baseline, _ connection: Connection) throws -> String? {
        let prepared = try connection.queryOne(
            "SELECT count(*) AS n FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()"
        ).integer("n")
        if prepared > 0 { return "\(prepared) prepared transactions are pending on the source: they may still commit" }
        if before.writers > 0 { return "\(before.writers) transactions were writing while the last snapshot was taken" }
        return nil
    }

    /// Whether somebody else is connected, who may hold counters back.
    private static func hasCompany(_ connection: Connection, except prefix: String) throws -> Bool {
        try connection.queryOne(
            """
            SELECT count(*) AS n FROM pg_catalog.pg_stat_activity
            WHERE datname = pg_catalog.current_database() AND backend_type = 'client backend'
              AND NOT pg_catalog.starts_with(application_name, \(value: prefix))
            """
        ).integer("n") > 0
    }

    private static func current(_ connection: Connection) throws -> Snapshot {
        let text = try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS s").text("s")
        guard let snapshot = Snapshot(text) else {
            throw PostgresError(.unexpectedAnswer, "the source's snapshot cannot be read: \(text)")
        }
        return snapshot
    }

    /// Rows inserted, updated and deleted, by table, since the server's statistics began.
    private static func writes(_ connection: Connection) throws -> [String: Int] {
        let rows = try connection.query(
            """
            SELECT schemaname || '.' || relname AS name, (n_tup_ins + n_tup_upd + n_tup_del) AS n
            FROM pg_catalog.pg_stat_all_tables
            WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'
            """
        )
        return Dictionary(try rows.map { (try $0.text("name"), try $0.integer("n")) }, uniquingKeysWith: +)
    }
}
