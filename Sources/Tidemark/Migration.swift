import Catalog
public import Ledger
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
    public private(set) var source: Endpoint
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
        func watched(_ endpoint: Endpoint) -> Endpoint {
            endpoint.watched(isStopped: { stop.isRequested }, tell: { observer(.note($0)) })
        }
        self.source = watched(source)
        self.target = watched(target)
        self.options = options
        self.stop = stop
        self.observer = observer
    }

    /// The same migration, with sessions on the source that end as soon as another session waits for their locks.
    var givingWay: Migration {
        var migration = self
        migration.source = source.givingWay
        return migration
    }

    /// Checks both servers for problems, and writes nothing.
    ///
    /// - Returns: What the target server lacks or would refuse, and what will not be copied from the source.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func inspect() async throws -> InspectionReport {
        try await Endpoint.watching([source, target]) { try await Inspecting(self).run() }
    }

    /// Decides how each table is treated, and writes nothing.
    ///
    /// - Returns: The plan of the run if one has begun, otherwise a new one.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func plan() async throws -> PlanReport {
        try await Endpoint.watching([source, target]) { try await Preparation(self).plan() }
    }

    /// Copies ahead while the source stays in production; called again, it moves the marks.
    ///
    /// - Returns: What was done.
    /// - Throws: ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``. What was committed stays, and
    ///   the next call resumes from there.
    public func precopy() async throws -> RunReport {
        try await Precopy(self).run()
    }

    /// Copies the last delta in one snapshot, builds what is left, and proves the result.
    ///
    /// - Returns: What was done, and the proof.
    /// - Throws: The same as ``precopy()``.
    public func cutover() async throws -> RunReport {
        try await Cutover(self).run()
    }

    /// Compares the two databases and writes nothing.
    ///
    /// - Returns: What was compared and found.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func verify() async throws -> RunReport {
        try await Verify(self, triesInserts: options.triesInserts).run()
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
        try await Rebuilding(self, concurrently: concurrently).run()
    }

    /// Returns what ``rebuild(concurrently:)`` would do, and writes nothing.
    ///
    /// - Parameter concurrently: Whether to build without blocking writers.
    /// - Returns: The statements in order, and what cannot be rebuilt, with the reason.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func rebuildStatements(concurrently: Bool) async throws -> (statements: [String], refused: [String]) {
        try await Endpoint.watching([source, target]) {
            try await Rebuilding(self, concurrently: concurrently).statements()
        }
    }
}
