import Ledger
public import Postgres
public import Report

/// Operations on a target's ledger that do not need the source.
public struct LedgerAdministration: Sendable {
    private let target: Endpoint

    /// Creates a handle for a ledger; nothing is read or written yet.
    ///
    /// - Parameter target: The database that holds the ledger.
    public init(target: Endpoint) {
        self.target = target
    }

    /// Returns the progress of the run; read-only.
    ///
    /// - Returns: The progress; nil if the target has no ledger.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func status() async throws -> RunStatus? {
        try await Connection.with(target, purpose: "tidemark status") { connection in
            guard let run = try Ledger.run(on: connection) else { return nil }
            let ledger = Ledger(connection)
            return RunStatus(
                run,
                totals: try ledger.totals(),
                measures: try ledger.nightMeasures(),
                client: try ledger.client(),
                workers: try ledger.workers(),
                lastEnding: try ledger.lastEnding()
            )
        }
    }

    /// Returns the audit trail of the run; read-only.
    ///
    /// - Parameter chunks: Whether the entries about single chunks are included.
    /// - Returns: The trail; nil if the target has no ledger.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func trail(withChunks chunks: Bool = false) async throws -> RunTrail? {
        try await Connection.with(target, purpose: "tidemark status") { connection in
            guard try Ledger.run(on: connection) != nil else { return nil }
            return RunTrail(try Ledger(connection).trail(withChunks: chunks))
        }
    }

    /// Changes how fast the call that is at work copies, or pauses it between two chunks.
    ///
    /// - Parameters:
    ///   - maxRate: Bytes a second; 0: no limit; nil: as before.
    ///   - jobs: Chunks copied at the same time, at most as many as the call was given; nil: as before.
    ///   - isPaused: nil: as before.
    /// - Returns: What is set now; nil if the target has no ledger.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func throttle(maxRate: Int? = nil, jobs: Int? = nil, isPaused: Bool? = nil) async throws -> RunPace? {
        try await Connection.with(target, purpose: "tidemark status") { connection in
            guard try Ledger.run(on: connection) != nil else { return nil }
            return RunPace(try Ledger(connection).setThrottle(maxRate: maxRate, jobs: jobs, isPaused: isPaused))
        }
    }

    /// Builds the keys, indexes and constraints that the target lacks, from the source definitions in the ledger.
    ///
    /// - Parameters:
    ///   - concurrently: Whether to build without blocking writers, because the target is in use.
    ///   - options: Jobs and memory, and tables to leave alone.
    ///   - stop: Lets the caller end the work between two steps.
    ///   - observer: Receives events; called from any thread.
    /// - Returns: What was done, and what the comparison of all definitions found afterwards.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func rebuild(
        concurrently: Bool,
        options: MigrationOptions = MigrationOptions(),
        stop: StopRequest = StopRequest(),
        observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) async throws -> RunReport {
        try await rebuilding(concurrently: concurrently, options: options, stop: stop, observer: observer).run()
    }

    /// Returns what ``rebuild(concurrently:options:stop:observer:)`` would do, and writes nothing.
    ///
    /// - Parameters:
    ///   - concurrently: Whether to build without blocking writers.
    ///   - options: Tables to leave alone.
    /// - Returns: The statements in order, and what cannot be rebuilt, with the reason.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func rebuildStatements(
        concurrently: Bool,
        options: MigrationOptions = MigrationOptions()
    ) async throws -> (statements: [String], refused: [String]) {
        try await rebuilding(concurrently: concurrently, options: options).statements()
    }

    private func rebuilding(
        concurrently: Bool,
        options: MigrationOptions,
        stop: StopRequest = StopRequest(),
        observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) -> RebuildAct {
        let context = RunContext(
            origin: .ledger,
            target: target.watched(stop: stop, observer: observer),
            options: options,
            stop: stop,
            observer: observer
        )
        return RebuildAct(context, concurrently: concurrently)
    }

    /// Drops the ledger; the target is then an ordinary database.
    ///
    /// - Parameter abandon: Drop it even if the run is not done; what was copied stays, but the run cannot be resumed.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func finish(abandon: Bool) async throws {
        try await Connection.with(target, purpose: "tidemark finish") { connection in
            try Ledger.drop(on: connection, abandon: abandon)
        }
    }
}
