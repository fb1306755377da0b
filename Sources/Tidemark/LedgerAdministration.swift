public import Ledger
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
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func status() async throws -> RunStatus? {
        try await ThreadConfined.with(target, purpose: "tidemark status") { connection in
            try await connection.run { connection in
                guard let run = try Ledger.run(on: connection) else { return nil }
                return RunStatus(run, try Ledger(connection).totals())
            }
        }
    }

    /// Builds whatever key, index or constraint the target lacks, by what the ledger tells of the source: it may be
    /// gone.
    ///
    /// - Parameters:
    ///   - concurrently: Whether the target is in use, and nobody may be kept from writing.
    ///   - options: Jobs and memory; tables to leave alone.
    ///   - stop: Lets somebody end the work at a point of safe return.
    ///   - observer: Told what happens; called from any thread.
    /// - Returns: What was done, and what the comparison of all definitions found afterwards.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func rebuild(
        concurrently: Bool,
        options: MigrationOptions = MigrationOptions(),
        stop: StopRequest = StopRequest(),
        observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) async throws -> RunReport {
        try await rebuilding(concurrently, options, stop, observer).run()
    }

    /// What ``rebuild(concurrently:options:stop:observer:)`` would do; writes nothing.
    ///
    /// - Parameters:
    ///   - concurrently: As there.
    ///   - options: As there.
    /// - Returns: The statements in order, and what cannot be rebuilt, with the reason.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func rebuildStatements(
        concurrently: Bool,
        options: MigrationOptions = MigrationOptions()
    ) async throws -> (statements: [String], refused: [String]) {
        try await rebuilding(concurrently, options, StopRequest(), { _ in }).statements()
    }

    private func rebuilding(
        _ concurrently: Bool,
        _ options: MigrationOptions,
        _ stop: StopRequest,
        _ observer: @escaping @Sendable (RunEvent) -> Void
    ) -> Rebuilding {
        Rebuilding(
            like: .ledger,
            target,
            options: options,
            stop: stop,
            observer: observer,
            concurrently: concurrently
        )
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
