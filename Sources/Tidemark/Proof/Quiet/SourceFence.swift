public import Postgres

/// The fence around a source: a database whose sessions begin read-only (`default_transaction_read_only`).
public struct SourceFence: Sendable {
    private let source: Endpoint

    /// Creates a handle; nothing is done yet.
    ///
    /// - Parameter source: The source; its role must own the database.
    public init(source: Endpoint) {
        self.source = source
    }

    /// How long to wait until sessions that were ended are gone.
    private static let patience = Duration.seconds(5)

    /// Opens the source again.
    ///
    /// - Returns: Whether it was closed.
    /// - Throws: ``PostgresError``.
    public func lower() async throws -> Bool {
        try await Connection.with(source, purpose: "tidemark unfence") { connection in
            try connection.transaction(.readWrite) {
                guard try Self.isRaised(on: connection) else { return false }
                try Self.explained {
                    try connection.execute("ALTER DATABASE \(Self.name(of: connection)) RESET \(Self.setting)")
                }
                return true
            }
        }
    }

    /// Makes the database read-only for sessions that begin from now on, and ends those that are connected.
    ///
    /// - Parameters:
    ///   - session: The prefix of this run's session names.
    ///   - note: Receives a line about what is done.
    ///   - isRaised: Called when the database is read-only, whatever happens to the other sessions then.
    /// - Returns: Warnings: sessions that are still connected.
    /// - Throws: ``PostgresError``.
    func raise(
        for session: String,
        _ note: @escaping @Sendable (String) -> Void,
        isRaised: () -> Void
    ) async throws -> [String] {
        try await ThreadConfined.with(source, purpose: "\(session) fence") { connection in
            try await connection.run { connection in
                try connection.transaction(.readWrite) {
                    guard try !Self.isRaised(on: connection) else { return }
                    try Self.explained {
                        try connection.execute("ALTER DATABASE \(Self.name(of: connection)) SET \(Self.setting) = on")
                    }
                    note("the source is read-only for new sessions, until tidemark unfence")
                }
            }
            isRaised()
            let company = Company(session)
            let others = try await connection.run { try company.processes($0) }
            var refused: [String] = []
            for other in others {
                do {
                    try await connection.run {
                        try $0.execute("SELECT pg_catalog.pg_terminate_backend(\(other.process))")
                    }
                    note("ended \(other.description)")
                } catch let error as PostgresError where error.sqlState == "42501" {
                    refused.append(other.description)
                }
            }
            let ended = Set(others.map(\.process))
            var waiting = Waiting(patience: Self.patience, note)
            while true {
                let left = try await connection.run { try company.processes($0) }.filter { ended.contains($0.process) }
                let isWaiting = left.contains { !refused.contains($0.description) }
                guard isWaiting, try await waiting.goesOn("waiting until the other sessions have ended") else { break }
            }
            return refused.isEmpty
                ? []
                : [
                    "these sessions could not be ended (that takes their role, or pg_signal_backend), and may still write: "
                        + refused.joined(separator: ", ")
                ]
        }
    }

    private static let setting: SQL = "default_transaction_read_only"

    private static func name(of connection: Connection) throws -> Identifier {
        Identifier(try connection.queryOne("SELECT pg_catalog.current_database()::text AS name").text("name"))
    }

    private static func isRaised(on connection: Connection) throws -> Bool {
        try connection.queryOne(
            """
            SELECT pg_catalog.count(*) > 0 AS is_raised
            FROM pg_catalog.pg_db_role_setting s
            JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase AND d.datname = pg_catalog.current_database()
            CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
            WHERE s.setrole = 0 AND c.setting ~* '^default_transaction_read_only=(on|true|yes|1|t)'
            """
        ).boolean("is_raised")
    }

    /// Adds to a refusal what would help.
    private static func explained(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as PostgresError where error.sqlState == "42501" {
            throw PostgresError(
                error.code,
                "the source's role may not make the database read-only: it does not own it",
                sqlState: error.sqlState,
                hint: "use --fence lock, or --fence none with the application in maintenance mode"
            )
        }
    }
}
