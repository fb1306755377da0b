public import Postgres

/// The operator's decisions about a plan.
public struct PlanOptions: Sendable {
    /// Requested treatments, by table.
    public var treatments: [QualifiedName: Treatment] = [:]
    /// Conditions on rows, by table.
    ///
    /// Only rows that satisfy them are copied. SQL of the source, trusted.
    public var filters: [QualifiedName: String] = [:]
    /// Whether tables without a condition on their rows are left out, because the target is in use and has them.
    package var isStage = false
    /// By table, a value of its key's first column below which rows no longer change.
    public var immutableBelow: [QualifiedName: String] = [:]
    /// The size of a chunk, in bytes of the table on disk.
    public var chunkBytes = 64 << 20
    /// Tables smaller than this, in bytes, are copied whole during cutover.
    public var wholeBelowBytes = 8 << 20

    /// Creates the default options.
    public init() {}
}
