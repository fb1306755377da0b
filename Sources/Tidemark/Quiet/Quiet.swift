import Postgres

/// Whether the source stood still since before a snapshot.
struct Quiet: Sendable {
    let isProven: Bool
    let description: String

    /// What had been written on the source before the last snapshot was taken, by table.
    struct Baseline: Sendable {
        let counters: Counters
        /// The server's clock just before.
        let readAt: String

        /// Reads the counters, where counters will be asked once sessions that have gone idle have handed theirs in.
        ///
        /// - Parameters:
        ///   - source: The source.
        ///   - watch: What is watched.
        ///   - tell: Receives what is waited for.
        /// - Throws: ``PostgresError``.
        init(of source: Endpoint, _ watch: Watch, _ tell: @escaping @Sendable (String) -> Void) async throws {
            (readAt, counters) = try await ThreadConfined.with(source, purpose: "\(watch.session) quiet") {
                connection in
                // What is still held back is counted later: then rows seem written that the snapshot has, and tables are
                // read without need.
                if !watch.readsRows {
                    _ = try await Company(watch.session).settle(connection, patience: Self.patience, tell)
                }
                return try await connection.run { connection in
                    let now = try connection.queryOne("SELECT pg_catalog.clock_timestamp()::text AS now").word("now")
                    return (now, try Counters(connection))
                }
            }
        }

        private static let patience = Duration.seconds(12)
    }

    /// What large objects are kept in (PostgreSQL manual 53.30, 53.31).
    static let largeObjectTables: [ServerText] = ["pg_catalog.pg_largeobject", "pg_catalog.pg_largeobject_metadata"]

    /// How long sessions may take to come to rest at the end.
    static let patience = Duration.seconds(25)

    /// Looks for anything that was written since a snapshot, or that may still be committed.
    ///
    /// The cheapest evidence that is enough is taken:
    /// 1. A transaction that changes anything takes an id. If none was in flight in the snapshot and none was handed out
    ///    since, or all of these were rolled back, nothing was written in the whole cluster.
    /// 2. Where the tables are small, their row versions are read again (``RowVersions``).
    /// 3. Elsewhere the counters of rows written decide, once every session that may hold some back has handed them in
    ///    (``Company``). They are an upper bound: rows of a table that counts more are read again.
    ///
    /// - Parameters:
    ///   - before: The counters from before the snapshot.
    ///   - snapshot: The last snapshot.
    ///   - holder: The connection that holds it.
    ///   - watch: What is watched.
    ///   - source: The source.
    ///   - tell: Receives what is waited for.
    /// - Returns: What was found.
    /// - Throws: ``PostgresError``.
    static func evidence(
        since before: Baseline,
        _ snapshot: Snapshot,
        heldBy holder: ThreadConfined<Connection>,
        _ watch: Watch,
        on source: Endpoint,
        _ tell: @escaping @Sendable (String) -> Void
    ) async throws -> Quiet {
        try await ThreadConfined.with(source, purpose: "\(watch.session) quiet") { connection in
            // A standby shows neither what is in flight nor what it has not replayed yet, and counts no writes.
            if try await connection.run({ try isStandby($0) }) {
                return Quiet(
                    isProven: false,
                    description: "the source is a standby, which cannot show whether it has all its primary has; "
                        + "compare the target with the primary: tidemark verify"
                )
            }
            let company = try await connection.run { try Company(watch.session).description($0) }
            if let writing = try await watch.waitForWriters(connection, patience: patience, tell) {
                return Quiet(isProven: false, description: "\(writing); \(company)")
            }
            let ids = try await connection.run { try TransactionIds(since: snapshot, on: $0) }
            if let nothing = ids.nothingCommitted {
                return Quiet(isProven: true, description: "\(nothing); \(company)")
            }
            let handedOut = "\(ids.count) transaction ids were handed out on the source since the last snapshot"
            switch try await watch.written(since: before, heldBy: holder, on: connection, patience: patience, tell) {
            case .unknown(let reason):
                return Quiet(isProven: false, description: "\(handedOut), and \(reason); \(company)")
            case .written(let tables):
                let shown = tables.prefix(5).map(\.visible).joined(separator: ", ") + (tables.count > 5 ? ", …" : "")
                return Quiet(
                    isProven: false,
                    description:
                        "the source was written after the last snapshot, and the target does not have it: \(shown); \(company)"
                )
            case .nothing(let evidence):
                return Quiet(
                    isProven: true,
                    description:
                        "\(handedOut), but no row was written in any table whose rows were copied (\(evidence)); \(company)"
                )
            }
        }
    }

    private static func isStandby(_ connection: Connection) throws -> Bool {
        try connection.queryOne("SELECT pg_catalog.pg_is_in_recovery() AS standby").boolean("standby")
    }
}
