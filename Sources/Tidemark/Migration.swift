import Catalog
public import Ledger
import Planning
public import Postgres
import Rebuild
public import Report
import Verification

/// A migration from one database to another: the way into the library.
///
/// ```swift
/// let migration = Migration(
///     source: try Endpoint("postgres://…", side: .source), target: try Endpoint("postgres://…", side: .target))
/// try await migration.precopy()      // days ahead, as often as wanted
/// let report = try await migration.cutover()
/// guard report.outcome == .done else { … }
/// ```
///
/// The library never prints, never exits and never reads the environment; libpq does read its own variables.
public struct Migration: Sendable {
    /// The database being left.
    ///
    /// SELECT on its tables and sequences is all that is needed.
    public private(set) var source: Endpoint
    /// The database being filled.
    ///
    /// It must be owned.
    public let target: Endpoint
    /// What the operator decided.
    public var options: MigrationOptions
    /// Asked between any two steps; a run that is stopped goes on when it is called again.
    public let stop: StopRequest
    let observer: @Sendable (RunEvent) -> Void

    /// - Parameters:
    ///   - source: The database being left.
    ///   - target: The database being filled.
    ///   - options: What the operator decided.
    ///   - stop: Lets somebody end the run at a point of safe return.
    ///   - observer: Told what happens; called from any thread.
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

    /// The same, with sessions on the source that end as soon as somebody else waits for what they hold.
    var givingWay: Migration {
        var migration = self
        migration.source = source.givingWay
        return migration
    }

    /// Finds out what would go wrong, and writes nothing.
    ///
    /// - Returns: What the target's server lacks or would refuse, and what of the source will not arrive.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    public func inspect() async throws -> InspectionReport {
        try await Endpoint.watching([source, target]) { try await Inspecting(self).run() }
    }

    /// Decides how each table is treated, and writes nothing.
    ///
    /// - Returns: The plan: the one of the run, if one has begun.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func plan() async throws -> PlanReport {
        try await Endpoint.watching([source, target]) { try await Preparation(self).plan() }
    }

    /// Copies ahead, while the source stays in production; called again, it moves the marks.
    ///
    /// - Returns: What was done.
    /// - Throws: ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``. Whatever was committed stays, and
    ///   the next call goes on from there.
    public func precopy() async throws -> RunReport {
        try await Precopy(self).run()
    }

    /// Brings the last delta in one snapshot, rebuilds what is left, and proves the result.
    ///
    /// - Returns: What was done, and the proof.
    /// - Throws: As ``precopy()``.
    public func cutover() async throws -> RunReport {
        try await Cutover(self).run()
    }

    /// Compares the two databases and writes nothing.
    ///
    /// - Returns: What was examined and found.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func verify() async throws -> RunReport {
        try await Verify(self, triesInserts: options.triesInserts).run()
    }

    /// Builds whatever key, index or constraint the target lacks, does not enforce, or has otherwise than the source.
    ///
    /// Needs no ledger; the target may have been filled by anybody.
    ///
    /// - Parameter concurrently: Whether the target is in use, and nobody may be kept from writing.
    /// - Returns: What was done, and what the comparison of all definitions found afterwards.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``. What was built stays; the next call goes on from
    ///   there.
    public func rebuild(concurrently: Bool) async throws -> RunReport {
        try await Rebuilding(self, concurrently: concurrently).run()
    }

    /// What ``rebuild(concurrently:)`` would do; writes nothing.
    ///
    /// - Parameter concurrently: As there.
    /// - Returns: The statements in order, and what cannot be rebuilt, with the reason.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    public func rebuildStatements(concurrently: Bool) async throws -> (statements: [String], refused: [String]) {
        try await Endpoint.watching([source, target]) {
            try await Rebuilding(self, concurrently: concurrently).statements()
        }
    }
}
