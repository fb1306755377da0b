package import Catalog
public import Postgres

/// The operator's decisions about a plan.
public struct PlanOptions: Sendable {
    /// Requested treatments, by table.
    public var treatments: [QualifiedName: Treatment] = [:]
    /// Conditions on rows, by table.
    ///
    /// Only rows that satisfy them are copied. SQL of the source, trusted.
    public var filters: [QualifiedName: String] = [:]
    /// By table, a value of its key's first column below which rows no longer change.
    public var immutableBelow: [QualifiedName: String] = [:]
    /// The size of a chunk, in bytes of the table on disk.
    public var chunkBytes = 64 << 20
    /// Tables smaller than this, in bytes, are copied whole during cutover.
    public var wholeBelowBytes = 8 << 20

    /// Creates the default options.
    public init() {}

    /// The tables of extensions whose rows are copied: all that the options do not leave out.
    ///
    /// - Parameter tables: The tables of all extensions.
    /// - Returns: The tables to copy.
    package func wanted(_ tables: [ExtensionTable]?) -> [ExtensionTable] {
        (tables ?? []).filter { treatments[$0.qualifiedName]?.bringsRows ?? true }
    }
}

/// The reason why no plan can be made.
public struct PlanError: Error, Sendable, CustomStringConvertible {
    /// What has to be corrected: the call (usage), or something in a database.
    public enum Code: Sendable {
        /// The options name something that does not exist or cannot be done.
        case usage
        /// The state of a database does not allow it.
        case refused
    }

    /// The kind of error.
    public let code: Code
    /// What is wrong, where, and what to do about it.
    public let description: String

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        description = hint.map { "\(message)\nHINT: \($0)" } ?? message
    }
}
