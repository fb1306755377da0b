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

        /// Reads the counters, when sessions that have gone idle have handed theirs in.
        ///
        /// - Parameters:
        ///   - source: The source.
        ///   - session: What this run's sessions are called.
        ///   - tell: Receives what is waited for.
        /// - Throws: ``PostgresError``.
        init(of source: Endpoint, session: String, _ tell: @Sendable (String) -> Void) async throws {
            (readAt, counters) = try await ThreadConfined.with(source, purpose: "\(session) quiet") { connection in
                // What is still held back is counted later: then rows seem written that the snapshot has. Only the time
                // differs in which a session that never rests keeps the proof from being given.
                _ = try await Company(session).settle(connection, patience: Self.patience, tell)
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
    private static let patience = Duration.seconds(25)

    /// Looks for anything that wrote since the baseline, or may still commit what it wrote.
    ///
    /// A transaction that changes anything takes an id. If none was in flight in the snapshot and none was handed out
    /// since, nothing was written in the whole cluster. Other things take ids as well (ANALYZE, temporary tables, row
    /// locks, other databases): then the counters of rows written decide, table by table. They are an upper bound of what
    /// was written, and complete once every session that may hold some back has handed them in (``Company``).
    ///
    /// - Parameters:
    ///   - before: The counters from before the snapshot.
    ///   - snapshot: The last snapshot.
    ///   - source: The source.
    ///   - withLargeObjects: Whether large objects were brought over.
    ///   - session: What this run's sessions are called.
    ///   - tell: Receives what is waited for.
    /// - Returns: What was found.
    /// - Throws: ``PostgresError``.
    static func evidence(
        since before: Baseline,
        _ snapshot: Snapshot,
        on source: Endpoint,
        withLargeObjects: Bool,
        session: String,
        _ tell: @Sendable (String) -> Void
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
            let company = try await connection.run { try Company(session).description($0) }
            if let writing = try await connection.run({ try openWriters($0) }) {
                return Quiet(isProven: false, description: "\(writing); \(company)")
            }
            let now = try await connection.run { try current($0) }
            if snapshot.inFlight.isEmpty, now.xmax == snapshot.xmax {
                return Quiet(
                    isProven: true,
                    description: "no transaction wrote on the source since the last snapshot "
                        + "(no id was handed out since \(snapshot.xmax), none was in flight); \(company)"
                )
            }
            let watched: @Sendable (ServerText) -> Bool = { withLargeObjects || !largeObjectTables.contains($0) }
            switch try await counted(since: before, watched, on: connection, session, tell) {
            case .unknown(let reason):
                return Quiet(
                    isProven: false,
                    description:
                        "transaction ids were handed out on the source since the last snapshot, and \(reason); \(company)"
                )
            case .written(let tables):
                let shown = tables.prefix(5).map(\.visible).joined(separator: ", ") + (tables.count > 5 ? ", …" : "")
                return Quiet(
                    isProven: false,
                    description:
                        "the source was written after the last snapshot, and the target does not have it: \(shown); \(company)"
                )
            case .nothing:
                return Quiet(
                    isProven: true,
                    description:
                        "\(now.xmax - snapshot.xmax) transaction ids were handed out on the source since the last snapshot, "
                        + "but no row was written in any table of this database (counters); \(company)"
                )
            }
        }
    }

    /// What the counters say.
    enum Counted {
        case nothing
        case written([ServerText])
        /// Why they cannot tell.
        case unknown(String)
    }

    /// Asks the counters, once everybody who may hold some back has handed them in.
    ///
    /// - Parameters:
    ///   - before: The counters from before the snapshot.
    ///   - isWatched: Which tables count.
    ///   - connection: The source.
    ///   - session: What this run's sessions are called.
    ///   - tell: Receives what is waited for.
    /// - Returns: What they say.
    /// - Throws: ``PostgresError``.
    static func counted(
        since before: Baseline,
        _ isWatched: @escaping @Sendable (ServerText) -> Bool,
        on connection: ThreadConfined<Connection>,
        _ session: String,
        _ tell: @Sendable (String) -> Void
    ) async throws -> Counted {
        let company = Company(session)
        if let blindness = try await connection.run({ try company.blindness($0, since: before) }) {
            return .unknown(blindness)
        }
        let deadline = ContinuousClock.now + patience
        while true {
            let restless = try await company.settle(
                connection,
                patience: ContinuousClock.now.duration(to: deadline),
                tell
            )
            guard restless.isEmpty else { return .unknown(Company.reason(restless)) }
            let (writing, after) = try await connection.run { try (openWriters($0), Counters($0)) }
            if let writing { return .unknown(writing) }
            if let blindness = try await connection.run({ try company.blindness($0, since: before) }) {
                return .unknown(blindness)
            }
            guard after.epoch == before.counters.epoch else {
                return .unknown("its counters of rows written were reset, or the server has crashed, in the meantime")
            }
            let written = after.tables(otherThanIn: before.counters).filter(isWatched)
            guard written.isEmpty else { return .written(written) }
            // Whoever has begun something in this moment may hold back what the counters should have told.
            if try await connection.run({ try company.restless($0).isEmpty }) { return .nothing }
        }
    }

    /// Which transactions of this database, prepared ones included, hold a lock that only writers take.
    private static func openWriters(_ connection: Connection) throws -> String? {
        let count = try writers(connection)
        return count == 0 ? nil : "\(count) transactions on the source have written and may still commit"
    }

    /// How many transactions of this database, prepared ones included, hold a lock that only writers take.
    ///
    /// - Parameter connection: The source.
    /// - Returns: Their number.
    /// - Throws: ``PostgresError``.
    static func writers(_ connection: Connection) throws -> Int {
        let oids = largeObjectTables.map { "\(literal: $0)::pg_catalog.regclass" as SQL }.joined(separator: ", ")
        return try connection.queryOne(
            """
            SELECT count(DISTINCT virtualtransaction) AS n FROM pg_catalog.pg_locks
            WHERE locktype = 'relation' AND granted AND (relation >= 16384 OR relation IN (\(oids)))
              AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
              AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
              AND pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
              -- VACUUM takes a writer's lock on indexes; a writer has one on the table as well. Autovacuum, the only
              -- one that locks tables as nobody, locks a table exclusively to make its file shorter.
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = relation AND c.relkind IN ('i', 'I'))
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_locks.pid AND a.usesysid IS NULL)
            """
        ).integer("n")
    }

    private static func isStandby(_ connection: Connection) throws -> Bool {
        try connection.queryOne("SELECT pg_catalog.pg_is_in_recovery() AS standby").boolean("standby")
    }

    private static func current(_ connection: Connection) throws -> Snapshot {
        try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot").snapshot("snapshot")
    }
}
