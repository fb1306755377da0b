import Catalog
import Ledger
import Planning
public import Postgres
import Rebuild
public import Report
import Verification

/// A migration from one database to another, and the entry point of the library.
///
/// ```swift
/// let migration = Migration(
///     source: try Endpoint("postgres://…", side: .source), target: try Endpoint("postgres://…", side: .target))
/// try await migration.precopy()      // days ahead, as often as you like
/// let report = try await migration.cutover()
/// guard report.outcome == .done else { … }
/// ```
///
/// The library never prints, never exits and never reads the environment; libpq does read its own variables.
public struct Migration: Sendable {
    /// The database to migrate from.
    ///
    /// Its role needs SELECT on its tables and sequences, and nothing else.
    public let source: Endpoint
    /// The database to migrate to.
    ///
    /// Its role must own it.
    public let target: Endpoint
    /// The operator's choices.
    public var options: MigrationOptions
    /// Checked between any two steps; a stopped run resumes when it is called again.
    public let stop: StopRequest
    let observer: @Sendable (RunEvent) -> Void

    /// Creates a migration; nothing is done yet.
    ///
    /// - Parameters:
    ///   - source: The database to migrate from.
    ///   - target: The database to migrate to.
    ///   - options: The operator's choices.
    ///   - stop: Lets the caller end the run between two steps.
    ///   - observer: Receives events; called from any thread.
    public init(
        source: Endpoint,
        target: Endpoint,
        options: MigrationOptions = MigrationOptions(),
        stop: StopRequest = StopRequest(),
        observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) {
        self.source = source.watched(stop: stop, observer: observer)
        self.target = target.watched(stop: stop, observer: observer)
        self.options = options
        self.stop = stop
        self.observer = observer
    }

    private var context: RunContext { context(of: source) }

    private func context(of source: Endpoint) -> RunContext {
        RunContext(origin: .database(source), target: target, options: options, stop: stop, observer: observer)
    }

    /// Checks both servers for problems, and writes nothing.
    ///
    /// - Parameter depth: What is done besides reading the catalogs.
    /// - Returns: What the target server lacks or would refuse, and what will not be copied from the source.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func inspect(_ depth: InspectionDepth = InspectionDepth()) async throws -> InspectionReport {
        try await Endpoint.watching([source, target]) {
            try await Inspect(context: context, source: source, depth: depth).run()
        }
    }

    /// Decides how each table is treated, and writes nothing.
    ///
    /// - Returns: The plan of the run if one has begun, otherwise a new one.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func plan() async throws -> PlanReport {
        try await Endpoint.watching([source, target]) { try await LiveOpening(context: context, source: source).plan() }
    }

    /// Copies ahead while the source stays in production; called again, it moves the marks.
    ///
    /// - Returns: What was done.
    /// - Throws: ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``. What was committed stays, and
    ///   the next call resumes from there.
    public func precopy() async throws -> RunReport {
        // The source is in production: whoever changes a definition there comes first.
        let source = source.givingWay
        return try await Precopy(context(of: source), from: source).run()
    }

    /// Copies the last delta in one snapshot, builds what is left, and proves the result.
    ///
    /// - Returns: What was done, and the proof.
    /// - Throws: The same as ``precopy()``.
    public func cutover() async throws -> RunReport {
        try await Cutover(context, from: source).run()
    }

    /// Does what a cutover does while the application goes on writing to the source, and proves it at one snapshot.
    ///
    /// The target is not to be opened afterwards; a cutover, or a precopy before it, continues from there. One snapshot
    /// is open on the source all the time.
    ///
    /// - Returns: What was done, how long each phase took, and the proof.
    /// - Throws: The same as ``precopy()``.
    public func rehearse() async throws -> RunReport {
        // The source is in production: whoever changes a definition there comes first.
        let source = source.givingWay
        return try await Cutover(context(of: source), from: source, isRehearsal: true).run()
    }

    /// Copies what was written to the database of a cutover back to the old source: rows, sequences and large objects.
    ///
    /// Here ``source`` is the new database, which has the ledger of the cutover, and ``target`` is the old one. No one else may have
    /// written to the old one since. All happens in one transaction there; the new one is locked against writers meanwhile.
    ///
    /// - Returns: What was copied back, and what could not be.
    /// - Throws: ``LedgerError``, ``PlanError``, ``PostgresError``; the old database is as it was then.
    public func back() async throws -> RunReport {
        try await Back(context, from: source).run()
    }

    /// Takes part in a precopy or a cutover of another process, from anywhere: claims chunks, keys and indexes in its ledger.
    ///
    /// Both databases are those of that call. Nothing has to be agreed on before: if this process is lost, its open transactions
    /// are rolled back, and what it had claimed is free again. `options` counts: ``MigrationOptions/jobs``,
    /// ``MigrationOptions/indexJobs`` and ``MigrationOptions/indexMemoryBytes``.
    ///
    /// - Parameters:
    ///   - name: Its name in reports.
    ///   - patience: How long to wait for a call, also for the next one if the client of this one was lost.
    ///   - stays: Whether to wait for further calls, as long as it takes.
    /// - Returns: What was done.
    /// - Throws: ``LedgerError``: `.noCall` if no call began in time, `.otherSource` if it copies from another source;
    ///   ``PostgresError``.
    public func work(as name: String, waiting patience: Duration = .seconds(600), stays: Bool = false) async throws
        -> WorkerReport
    {
        try await WorkerAct(context, from: source, as: name, patience: patience, stays: stays).run()
    }

    /// Compares the two databases and writes nothing.
    ///
    /// - Parameter sinceCutover: Whether the target is in use since the cutover, and the source is closed: what others wrote
    ///   on the target is left out and counted.
    /// - Returns: What was compared and found.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func verify(sinceCutover: Bool = false) async throws -> RunReport {
        try await Verify(context, of: source, triesInserts: options.triesInserts).run(sinceCutover: sinceCutover)
    }

    /// Builds every key, index or constraint that is missing, not enforced or different on the target.
    ///
    /// Needs no ledger; the target may have been filled by other means.
    ///
    /// - Parameter concurrently: Whether to build without blocking writers, because the target is in use.
    /// - Returns: What was done, and what the comparison of all definitions found afterwards.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``. What was built stays; the next call resumes from
    ///   there.
    public func rebuild(concurrently: Bool) async throws -> RunReport {
        try await RebuildAct(context, concurrently: concurrently).run()
    }

    /// Returns what ``rebuild(concurrently:)`` would do, and writes nothing.
    ///
    /// - Parameter concurrently: Whether to build without blocking writers.
    /// - Returns: The statements in order, and what cannot be rebuilt, with the reason.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func rebuildStatements(concurrently: Bool) async throws -> (statements: [String], refused: [String]) {
        try await Endpoint.watching([source, target]) {
            try await RebuildAct(context, concurrently: concurrently).statements()
        }
    }
}
