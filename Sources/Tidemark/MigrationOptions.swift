public import Planning

/// What the operator may decide about a run.
public struct MigrationOptions: Sendable {
    /// Treatments, the size of chunks, and from which size on a table is copied ahead.
    public var plan = PlanOptions()
    /// Chunks copied at the same time; each takes a connection on either side.
    public var jobs = 4
    /// Keys and indexes built at the same time; each takes a connection to the target.
    public var indexJobs = 2
    /// Memory for all index builds together, in bytes; each gets its share as `maintenance_work_mem`.
    public var indexMemoryBytes = 512 << 20
    /// Compare what was copied ahead right away, so that the night need only compare what changed since.
    public var provesAhead = true
    /// Compare every row again, whatever was proven before.
    public var verifiesInFull = false
    /// Let ``Migration/verify()`` try an INSERT into every table of the target and take it back; a cutover always does.
    public var triesInserts = false
    /// Let the proof tell what differing rows hold, not only where they differ.
    public var showsValues = false
    /// What keeps the source from changing during the cutover.
    public var fence = Fence.trust
    /// Up to this size of all copied tables together, in bytes, a cutover reads their row versions again to see whether
    /// the source stood still, rather than wait for the counters of rows written.
    public var rereadBytes = 64 << 20
    /// Where `pg_dump` and `pg_restore` are; nil: PATH and the usual folders.
    public var toolDirectory: String?
    /// A folder for definitions on their way; a private one is made in it.
    public var scratchDirectory = "/tmp"
    /// What the target holds when the run begins.
    public var targetContents = TargetContents.nothing
    /// Load into the indexes that are there instead of building them after the rows; rows that were there keep theirs
    /// anyway.
    public var keepsIndexes = false
    /// What is not brought over, beside what the ledger remembers of earlier calls.
    public var omissions: Set<Omission> = []

    /// Whether the source may be another cluster than the one the run began with: upgraded by `pg_upgrade`, or moved.
    ///
    /// Every chunk is compared then.
    public var acceptsMovedSource = false

    /// The defaults.
    public init() {}
}

/// What keeps the source from changing during the cutover.
public enum Fence: String, Sendable, CaseIterable {
    /// Nothing: maintenance mode is trusted, and the report says whether the source was quiet.
    case trust
    /// SHARE locks on all tables that are copied, held to the end: writers wait. Needs more than SELECT on the source.
    case lock
}
