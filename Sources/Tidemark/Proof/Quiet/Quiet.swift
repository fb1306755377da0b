import Postgres

/// Whether the source was written since before a snapshot.
struct Quiet: Sendable {
    let isProven: Bool
    let description: String

    /// How long to wait at the end for other sessions to become idle.
    static let patience = Duration.seconds(25)

    /// Checks whether anything was written since a snapshot, or may still be committed.
    ///
    /// It takes the cheapest evidence that is sufficient:
    /// 1. Every transaction that changes something takes an id. If no id was in flight in the snapshot and none was
    ///    assigned since, or all of them were rolled back, nothing was written in the whole cluster.
    /// 2. If the tables are small, their row versions are read again (``RowVersions``).
    /// 3. Otherwise the counters of rows written decide, once every session has reported its counts (``Company``). They
    ///    are an upper bound: a table that counts more is read again.
    ///
    /// - Parameters:
    ///   - before: The counters from before the snapshot.
    ///   - snapshot: The last snapshot.
    ///   - holder: The connection that holds it.
    ///   - watch: The tables that must not be written.
    ///   - source: The source.
    ///   - note: Receives a line about each wait.
    /// - Returns: Whether the source was quiet, and why.
    /// - Throws: ``PostgresError``.
    static func evidence(
        since before: QuietBaseline,
        _ snapshot: Snapshot,
        heldBy holder: ThreadConfined<Connection>,
        _ watch: Watch,
        on source: Endpoint,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> Quiet {
        try await ThreadConfined.with(source, purpose: "\(watch.session) quiet") { connection in
            // A standby shows neither transactions in flight nor WAL it has not replayed, and counts no writes.
            if try await connection.run({ try isStandby($0) }) {
                return Quiet(
                    isProven: false,
                    description:
                        "the source is a standby, which cannot show whether it has everything its primary has; "
                        + "run the cutover again with the primary as the source"
                )
            }
            let company = try await connection.run { try Company(watch.session).description($0) }
            let open = try await watch.waitForWriters(connection, patience: patience, note)
            if let writing = Watch.description(of: open) {
                return Quiet(isProven: false, description: "\(writing); \(company)")
            }
            let ids = try await connection.run { try TransactionIds(since: snapshot, on: $0) }
            if let nothing = ids.nothingCommitted {
                return Quiet(isProven: true, description: "\(nothing); \(company)")
            }
            let handedOut =
                "\(ids.count) transaction \(ids.count == 1 ? "id was" : "ids were") handed out on the source since the last snapshot"
            switch try await watch.written(since: before, heldBy: holder, on: connection, patience: patience, note) {
            case .unknown(let reason):
                return Quiet(isProven: false, description: "\(handedOut), and \(reason); \(company)")
            case .written(let tables):
                let shown = tables.prefix(5).map(\.visible).joined(separator: ", ") + (tables.count > 5 ? ", …" : "")
                return Quiet(
                    isProven: false,
                    description:
                        "the source was written after the last snapshot, and the target lacks what was written to \(shown); \(company)"
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
