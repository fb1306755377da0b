import Catalog
import Postgres

/// What is left to look at where locks keep writers out.
extension Quiet {
    /// Looks for what locks on tables keep nobody from: new tables, and large objects.
    ///
    /// - Parameters:
    ///   - before: The counters from before the snapshot.
    ///   - known: The tables there were.
    ///   - source: The source.
    ///   - withLargeObjects: Whether large objects were brought over.
    ///   - session: What this run's sessions are called.
    ///   - tell: Receives what is waited for.
    /// - Returns: What was found.
    /// - Throws: ``PostgresError``.
    static func besideLocks(
        since before: Baseline,
        _ known: Set<UInt32>,
        on source: Endpoint,
        withLargeObjects: Bool,
        session: String,
        _ tell: @Sendable (String) -> Void
    ) async throws -> Quiet {
        try await ThreadConfined.with(source, purpose: "\(session) quiet") { connection in
            let made = try await connection.run {
                try Table.names(on: $0).filter { !known.contains($0.key) }.values.map(\.description).sorted()
            }
            guard made.isEmpty else {
                return Quiet(
                    isProven: false,
                    description:
                        "SHARE locks kept every writer out of the tables there were, but tables were made since, "
                        + "which the target does not have: \(made.prefix(5).joined(separator: ", "))"
                )
            }
            let locks = "SHARE locks kept every writer out since before the last snapshot"
            guard withLargeObjects, try await connection.run({ try hasLargeObjects($0) }) else {
                return Quiet(isProven: true, description: locks)
            }
            switch try await counted(since: before, { largeObjectTables.contains($0) }, on: connection, session, tell) {
            case .unknown(let reason):
                return Quiet(isProven: false, description: "\(locks); of large objects it is not known: \(reason)")
            case .written:
                return Quiet(
                    isProven: false,
                    description: "\(locks), but large objects were written, and the target does not have it"
                )
            case .nothing:
                return Quiet(isProven: true, description: "\(locks), and no large object was written (counters)")
            }
        }
    }

    private static func hasLargeObjects(_ connection: Connection) throws -> Bool {
        try connection.queryOne("SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) AS has").boolean("has")
    }
}
