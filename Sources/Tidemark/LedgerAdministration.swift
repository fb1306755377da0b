import Ledger
public import Postgres
public import Report

/// What can be done with a target's ledger without its source.
public struct LedgerAdministration: Sendable {
    private let target: Endpoint

    /// - Parameter target: The database that holds the ledger.
    public init(target: Endpoint) {
        self.target = target
    }

    /// Where the run stands.
    ///
    /// Reads only, and disturbs nobody.
    ///
    /// - Returns: Nil where the target has no ledger.
    /// - Throws: ``PostgresError``.
    public func status() async throws -> RunStatus? {
        try await ThreadConfined.with(target, purpose: "tidemark status") { connection in
            try await connection.run { connection in
                guard let run = try Ledger.run(on: connection) else { return nil }
                return RunStatus(run, try Ledger(connection).totals())
            }
        }
    }

    /// Drops the ledger; the target is an ordinary database afterwards.
    ///
    /// - Parameter abandon: Drop it although the run is not done: what was copied stays, and cannot be continued.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func finish(abandon: Bool) async throws {
        try await ThreadConfined.with(target, purpose: "tidemark finish") { connection in
            try await connection.run { connection in
                try Ledger.drop(on: connection, abandon: abandon)
            }
        }
    }
}
