import Postgres
import Transfer

/// A transaction that keeps a snapshot importable, and its tables as they are, for as long as others work in it.
enum SnapshotHolder {
    /// How the tables are locked while the snapshot lives.
    enum Lock: Sendable {
        /// Their definitions cannot change.
        case definitions
        /// Nor can their rows: writers wait.
        case rows

        var mode: SQL {
            switch self {
            case .definitions: "ACCESS SHARE"
            case .rows: "SHARE"
            }
        }
    }

    private static let lockTimeout: SQL = "'30s'"

    /// Locks first, then takes the snapshot: the other way round a row committed in between would be missed.
    ///
    /// - Parameters:
    ///   - endpoint: Where the snapshot is taken.
    ///   - tables: The tables to be read in it.
    ///   - lock: What they are kept from.
    ///   - isGood: Whether the moment is one to work in, asked after the snapshot; else another one is taken.
    ///   - purpose: What `pg_stat_activity` shows.
    ///   - body: Works in the snapshot; receives the connection that holds it as well.
    /// - Returns: What `body` returns.
    /// - Throws: ``PostgresError``, and what `body` throws.
    static func with<Result: Sendable>(
        _ endpoint: Endpoint,
        tables: [SQL],
        lock: Lock,
        until isGood: (ThreadConfined<Connection>) async throws -> Bool = { _ in true },
        purpose: String,
        _ body: (SharedSnapshot, ThreadConfined<Connection>) async throws -> Result
    ) async throws -> Result {
        try await ThreadConfined.with(endpoint, purpose: purpose) { holder in
            var shared = try await holder.run { try export($0, tables, lock) }
            while try await !isGood(holder) {
                shared = try await holder.run { connection in
                    try connection.execute("ROLLBACK")
                    return try export(connection, tables, lock)
                }
            }
            let result = try await body(shared, holder)
            try await holder.run { try $0.execute("COMMIT") }
            return result
        }
    }

    private static func export(
        _ connection: Connection,
        _ tables: [SQL],
        _ lock: Lock
    ) throws -> SharedSnapshot {
        try connection.execute(Connection.TransactionMode.snapshot.begin)
        if !tables.isEmpty {
            try connection.execute("SET LOCAL lock_timeout = \(lockTimeout)")
            let list = tables.joined(separator: ", ")
            try during("locking \(tables.count) tables of the \(connection.endpoint.side.rawValue)") {
                try connection.execute("LOCK TABLE \(list) IN \(lock.mode) MODE")
            }
        }
        let row = try connection.queryOne(
            "SELECT pg_catalog.pg_export_snapshot() AS id, pg_catalog.txid_current_snapshot()::text AS snapshot"
        )
        return SharedSnapshot(identifier: try row.word("id"), snapshot: try row.snapshot("snapshot"))
    }
}
