package import Catalog
public import Postgres

/// What the operator may decide about a plan.
public struct PlanOptions: Sendable {
    /// Treatments asked for, by table.
    public var treatments: [QualifiedName: Treatment] = [:]
    /// Conditions on rows, by table.
    ///
    /// Only rows that fulfil them are brought over. SQL of the source, trusted.
    public var filters: [QualifiedName: String] = [:]
    /// By table, a value of its key's first column below which nothing is written any more.
    public var immutableBelow: [QualifiedName: String] = [:]
    /// The size a chunk is cut to, in bytes of the table on disk.
    public var chunkBytes = 64 << 20
    /// Tables smaller than this are copied whole on the night.
    public var wholeBelowBytes = 8 << 20

    /// The defaults.
    public init() {}

    /// Those tables of extensions whose rows are brought: the ones that are not left out.
    ///
    /// - Parameter tables: All there are.
    /// - Returns: Those wanted.
    package func wanted(_ tables: [ExtensionTable]?) -> [ExtensionTable] {
        (tables ?? []).filter { treatments[$0.qualifiedName]?.bringsRows ?? true }
    }
}

/// Why no plan can be made.
public struct PlanError: Error, Sendable, CustomStringConvertible {
    /// What has to be corrected: the call (usage), or something in a database.
    public enum Code: Sendable {
        /// The options name something that does not exist or cannot be done.
        case usage
        /// A database is not in a state in which this can be done.
        case refused
    }

    /// The kind.
    public let code: Code
    /// What is wrong, where, and what to do.
    public let description: String

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        description = hint.map { "\(message)\nHINT: \($0)" } ?? message
    }
}
