import Catalog
public import FoundationEssentials
public import Planning

/// The operator's choices for a run.
public struct MigrationOptions: Sendable {
    /// The treatments, the chunk size, and the size from which a table is copied ahead.
    public var plan = PlanOptions()
    /// Chunks copied at the same time; each takes a connection on either side.
    public var jobs = 4
    /// Keys and indexes built at the same time; each takes a connection to the target.
    public var indexJobs = 2
    /// Memory for all index builds together, in bytes; each gets its share as `maintenance_work_mem`.
    public var indexMemoryBytes = 512 << 20
    /// How long a transaction of a precopy may read the source: chunks that would take longer are cut.
    ///
    /// The first chunk of a table may take longer. So may the delta of a table with several unique keys that is on a server older
    /// than PostgreSQL 14: it needs one snapshot, however long it takes.
    public var longestTransaction = Duration.seconds(60)
    /// Copy at most this many bytes a second, all jobs together; nil: no limit.
    ///
    /// It limits copying, not the reading for probes and proofs.
    public var maxRate: Int?
    /// When a precopy pauses because the servers are busy.
    public var backOff = BackOff()
    /// Compare the copied rows at the end of precopy, so that the cutover compares only what changed since.
    public var provesAhead = true
    /// What a cutover takes for proof that rows did not change.
    public var evidence = Evidence.rows
    /// Compare every row again, even if it was proven before.
    public var verifiesInFull = false
    /// Let ``Migration/verify(sinceCutover:)`` try an INSERT into every table of the target and roll it back, as a cutover always
    /// does.
    public var triesInserts = false
    /// Report the values of differing rows, not only where they differ.
    public var showsValues = false
    /// What keeps the source from changing during the cutover.
    public var fence = Fence.none
    /// When a cutover has to be done and proven: it stops where that does no harm if it cannot be.
    public var deadline: Date?
    /// How long a cutover waits for transactions on the source that have written and may still commit: before it takes its
    /// snapshot, and once more before it builds anything.
    public var patienceWithWriters = Duration.seconds(20)
    /// The size in bytes of all copied tables up to which a cutover reads their row versions again.
    ///
    /// It does so to see whether the source was quiet. With larger tables it waits for the counters of rows written.
    public var rereadBytes = 64 << 20
    /// The folder of `pg_dump` and `pg_restore`; nil means PATH and the usual folders.
    public var toolDirectory: String?
    /// The folder in which a private folder for temporary files is created.
    public var scratchDirectory = "/tmp"
    /// What the target holds when the run begins.
    ///
    /// With `rows`, a precopy of a run that has begun takes what others have written on the target since for the run's own.
    public var targetContents = TargetContents.nothing
    /// Load into the existing indexes instead of building them after the rows.
    ///
    /// Tables that already hold rows keep their indexes in any case.
    public var keepsIndexes = false
    /// What is not copied, in addition to what the ledger remembers from earlier calls.
    public var omissions: Set<Omission> = []

    /// Whether the source may be a different cluster since the run began: upgraded by `pg_upgrade`, or moved.
    ///
    /// Every chunk is then compared.
    public var acceptsMovedSource = false

    /// Creates the default options.
    public init() {}

    /// Whether only some rows are moved, into a target that is in use.
    var isStage: Bool { omissions.contains(.allButFilteredRows) }

    /// The decisions about the plan, with what follows from what is left out.
    var decisions: PlanOptions {
        var decisions = plan
        decisions.isStage = isStage
        return decisions
    }

    /// The tables of extensions whose rows are copied: all that the options do not leave out.
    ///
    /// - Parameter tables: The tables of all extensions.
    /// - Returns: The tables to copy.
    func wanted(_ tables: [ExtensionTable]?) -> [ExtensionTable] {
        guard !isStage else { return [] }
        return (tables ?? []).filter { table in
            (plan.treatments[table.qualifiedName]?.copiesRows ?? true)
                && !omissions.contains(.extension(table.extension)) && !omissions.contains(.schema(table.schema))
        }
    }

    /// Returns the risks that are not about a schema that is left out.
    func wanted(_ risks: [NightRisk]) -> [NightRisk] {
        risks.filter { risk in !(risk.schema.map { omissions.contains(.schema($0)) } ?? false) }
    }

    /// Returns what of a database belongs to a run with these options, besides tables that are left out one by one.
    func wanted(_ catalog: DatabaseCatalog) -> DatabaseCatalog { Scope(omitting: omissions).applied(to: catalog) }
}
