package import Postgres

/// What will be done with each table, decided and printed before anything runs.
package struct Plan: Sendable, Hashable, Codable {
    package var tables: [TablePlan]
    /// What the operator should know before cutover and cannot see in a table's line.
    package var warnings: [String]
    /// Declarations by which the operator can shorten cutover; never assumed.
    package var suggestions: [String]

    package init(tables: [TablePlan], warnings: [String], suggestions: [String] = []) {
        self.tables = tables
        self.warnings = warnings
        self.suggestions = suggestions
    }

    package func tables(_ treatment: Treatment) -> [TablePlan] { tables.filter { $0.treatment == treatment } }
    /// Tables that are not copied at all.
    package var excluded: Set<QualifiedName> { Set(tables(.excluded).map(\.name)) }
    /// Tables with rows of their own, and partitioned tables through which rows are copied.
    package var holders: [TablePlan] { tables.filter { !$0.isPartitioned || $0.treatment.copiesRows } }

    /// Bytes copied days ahead.
    package var precopyBytes: Int { tables.filter(\.treatment.isCopiedAhead).reduce(0) { $0 + $1.tableBytes } }
    /// Bytes copied during cutover in any case, in addition to the delta.
    package var wholeBytes: Int { tables(.whole).reduce(0) { $0 + $1.tableBytes } }
}

/// What will be done with one table.
package struct TablePlan: Sendable, Hashable, Codable {
    /// The maximum size, in bytes, of a table that is claimed, built and compared together with other tables.
    package static let smallBytes = 1 << 20

    package let name: QualifiedName
    /// Whether its rows are in its partitions.
    ///
    /// They are copied partition by partition, or through this table where a row may belong to another partition on the
    /// target.
    package let isPartitioned: Bool
    package let treatment: Treatment
    package let reason: String
    package let key: Key?
    package let format: CopyFormat
    package let estimatedRows: Int
    package let tableBytes: Int
    /// Whether the table has unique or exclusion constraints besides its key.
    ///
    /// Then rows of different chunks may swap values, so all chunks shed before any loads, and the whole table is read in
    /// one snapshot.
    package let hasOtherUniqueKeys: Bool
    /// The chunks, in key order; a single range of all keys for a table copied whole.
    package var ranges: [KeyRange]
    /// Only rows that satisfy this condition are copied.
    package let filter: String?
    /// A value of the key's first column; rows below it are declared immutable.
    package let immutableBelow: ServerText?
    /// The number of ranges, from the first on, that lie below it.
    package var immutableRanges: Int
    /// The number of chunks the table should be cut into; its ranges are found by sampling the source.
    package let wantedChunks: Int
    /// Whether the target's table also holds rows of others; only those that pass the filter are the run's.
    package let isShared: Bool

    /// The table as a FROM item.
    package var rows: SQL { isPartitioned ? "\(name)" : "ONLY \(name)" }

    package init(
        name: QualifiedName,
        isPartitioned: Bool = false,
        treatment: Treatment,
        reason: String,
        key: Key?,
        format: CopyFormat,
        estimatedRows: Int,
        tableBytes: Int,
        hasOtherUniqueKeys: Bool,
        ranges: [KeyRange],
        filter: String?,
        immutableBelow: ServerText? = nil,
        immutableRanges: Int = 0,
        wantedChunks: Int,
        isShared: Bool = false
    ) {
        self.name = name
        self.isPartitioned = isPartitioned
        self.treatment = treatment
        self.reason = reason
        self.key = key
        self.format = format
        self.estimatedRows = estimatedRows
        self.tableBytes = tableBytes
        self.hasOtherUniqueKeys = hasOtherUniqueKeys
        self.ranges = ranges
        self.filter = filter
        self.immutableBelow = immutableBelow
        self.immutableRanges = immutableRanges
        self.wantedChunks = wantedChunks
        self.isShared = isShared
    }
}
