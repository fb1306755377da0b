import Postgres
import Transfer

/// A transaction that keeps a snapshot importable and its tables locked while other connections read in it.
enum SnapshotHolder {
    /// How the tables are locked while the snapshot exists.
    enum Lock: Sendable {
        /// Their definitions cannot change.
        case definitions
        /// Neither their definitions nor their rows can change; writers wait.
        case rows

        var mode: SQL {
            switch self {
            case .definitions: "ACCESS SHARE"
            case .rows: "SHARE"
            }
        }
    }

    /// How long to wait for the tables' locks at a time; sessions that come meanwhile may queue behind this one.
    private static let lockTimeout: SQL = "'5s'"
    private static let pause = Duration.milliseconds(500)

    /// Locks the tables, takes a snapshot, and runs `body` in it.
    ///
    /// The locks come first, because a row committed between snapshot and locks would be missed.
    ///
    /// - Parameters:
    ///   - endpoint: The server on which the snapshot is taken.
    ///   - tables: The tables to be read in it.
    ///   - lock: What the locks protect.
    ///   - waitsForLocks: Whether to wait, without a limit, for tables that another session has locked.
    ///   - isGood: Whether the snapshot can be used, checked after taking it; if not, another one is taken.
    ///   - purpose: The name that `pg_stat_activity` shows.
    ///   - body: Works in the snapshot; also receives the connection that holds it.
    /// - Returns: What `body` returns.
    /// - Throws: ``PostgresError``, and what `body` throws.
    static func with<Result: Sendable>(
        _ endpoint: Endpoint,
        tables: [SQL],
        lock: Lock,
        waitsForLocks: Bool = true,
        until isGood: (ThreadConfined<Connection>) async throws -> Bool = { _ in true },
        purpose: String,
        _ body: (SharedSnapshot, ThreadConfined<Connection>) async throws -> Result
    ) async throws -> Result {
        try await ThreadConfined.with(endpoint, purpose: purpose) { holder in
            var shared = try await take(holder, locking: tables, with: lock, waits: waitsForLocks)
            while try await !isGood(holder) {
                try await holder.run { try $0.execute("ROLLBACK") }
                shared = try await take(holder, locking: tables, with: lock, waits: waitsForLocks)
            }
            StatusPoint.snapshotExported.reached()
            let result = try await body(shared, holder)
            try await holder.run { try $0.execute("COMMIT") }
            return result
        }
    }

    /// Locks the tables and takes the snapshot; starts over while another session has one of the tables locked.
    private static func take(
        _ holder: ThreadConfined<Connection>,
        locking tables: [SQL],
        with lock: Lock,
        waits: Bool
    ) async throws -> SharedSnapshot {
        while true {
            do {
                return try await holder.run { try export($0, locking: tables, with: lock) }
            } catch let error as PostgresError where error.sqlState == "55P03" && waits {
                let isStopped = try await holder.run { connection in
                    connection.rollBack()
                    return connection.isStopped
                }
                if isStopped { throw Stopped() }
                try await Task.sleep(for: pause)
            }
        }
    }

    private static func export(
        _ connection: Connection,
        locking tables: [SQL],
        with lock: Lock
    ) throws -> SharedSnapshot {
        connection.holdForOthers()
        connection.later(Connection.TransactionMode.snapshot.begin)
        if !tables.isEmpty {
            connection.later("SET LOCAL lock_timeout = \(lockTimeout)")
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
