package import Postgres

/// What will be done with each table: decided before anything runs, printed, and then followed.
package struct Plan: Sendable, Hashable, Codable {
    package var tables: [TablePlan]
    /// What the operator should know before the night, and cannot see in a table's line.
    package var warnings: [String]
    /// What the operator may declare to make the night shorter; never assumed.
    package var suggestions: [String]

    package init(tables: [TablePlan], warnings: [String], suggestions: [String] = []) {
        self.tables = tables
        self.warnings = warnings
        self.suggestions = suggestions
    }

    package func tables(_ treatment: Treatment) -> [TablePlan] { tables.filter { $0.treatment == treatment } }
    /// Tables that are not brought over at all.
    package var excluded: Set<QualifiedName> { Set(tables(.excluded).map(\.name)) }
    /// Tables that hold rows, and partitioned ones through which rows are brought.
    package var holders: [TablePlan] { tables.filter { !$0.isPartitioned || $0.treatment.bringsRows } }

    /// Bytes copied days ahead.
    package var precopyBytes: Int { tables.filter(\.treatment.isCopiedAhead).reduce(0) { $0 + $1.tableBytes } }
    /// Bytes copied on the night whatever happens; the delta comes on top.
    package var wholeBytes: Int { tables(.whole).reduce(0) { $0 + $1.tableBytes } }
}

/// What will be done with one table.
package struct TablePlan: Sendable, Hashable, Codable {
    package let name: QualifiedName
    /// Its rows are in its partitions: they are brought by those, or, where a row may belong to another partition on
    /// the target, through this one.
    package let isPartitioned: Bool
    package let treatment: Treatment
    package let reason: String
    package let key: Key?
    package let format: CopyFormat
    package let estimatedRows: Int
    package let tableBytes: Int
    /// Beside its key the table has unique or exclusion constraints: rows of different chunks may swap values, so all
    /// chunks shed before any loads, and one snapshot must serve the whole table.
    package let hasOtherUniqueKeys: Bool
    /// The chunks, in key order; one that spans everything for a table copied whole.
    package var ranges: [KeyRange]
    /// Only rows that fulfil this condition are brought over.
    package let filter: String?
    /// A value of the key's first column; what lies below is declared to change no more.
    package let immutableBelow: ServerText?
    /// How many of the ranges, from the first on, lie below it.
    package var immutableRanges: Int
    /// How many chunks the table should be cut into; its ranges are found by sampling the source.
    package let wantedChunks: Int

    /// As FROM takes it.
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
        wantedChunks: Int
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
    }
}
