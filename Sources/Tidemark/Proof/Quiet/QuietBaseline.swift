import Postgres

/// The counters of rows written on the source from before the last snapshot.
struct QuietBaseline: Sendable {
    let counters: Counters
    /// The server's clock just before the counters were read.
    let readAt: String

    private static let patience = Duration.seconds(12)

    /// Reads the counters.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - session: The prefix of this run's session names.
    ///   - waits: Whether to wait first until other sessions have reported what they counted; without, rows that the
    ///     snapshot has may seem to be written later, and their tables are read without need.
    ///   - note: Receives a line about each wait.
    /// - Throws: ``PostgresError``.
    init(
        of source: Endpoint,
        session: String,
        waiting waits: Bool,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws {
        (readAt, counters) = try await ThreadConfined.with(source, purpose: "\(session) quiet") { connection in
            if waits { _ = try await Company(session).settle(connection, patience: Self.patience, note) }
            return try await connection.run { connection in
                let now = try connection.queryOne("SELECT pg_catalog.clock_timestamp()::text AS now").word("now")
                return (now, try Counters(connection))
            }
        }
    }
}
