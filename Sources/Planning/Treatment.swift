package import Postgres

/// How a table is copied.
public enum Treatment: String, Sendable, Codable, CaseIterable {
    /// Copied ahead in chunks; cutover copies only what was written since, found by probing `xmin`.
    case delta
    /// Like delta, but the operator declares that rows are only ever added.
    ///
    /// A chunk with as many rows as the ledger records is assumed unchanged; any other is probed.
    case appendOnly = "append_only"
    /// Copied entirely during cutover.
    case whole
    /// The table with its keys and indexes, without its rows.
    case definitionOnly = "definition_only"
    /// Neither its definition nor its rows are copied.
    case excluded

    /// Whether its rows are copied days ahead, in chunks.
    public var isCopiedAhead: Bool {
        switch self {
        case .delta, .appendOnly: true
        case .whole, .definitionOnly, .excluded: false
        }
    }

    /// Whether its rows are copied entirely during each cutover.
    public var isCopiedWhole: Bool {
        switch self {
        case .whole: true
        case .delta, .appendOnly, .definitionOnly, .excluded: false
        }
    }

    /// Whether its rows are copied at all.
    public var copiesRows: Bool { isCopiedAhead || isCopiedWhole }

    /// Whether the target has the table.
    public var isOnTarget: Bool {
        switch self {
        case .delta, .appendOnly, .whole, .definitionOnly: true
        case .excluded: false
        }
    }

    /// Whether a chunk with as many rows as before is assumed unchanged.
    public var trustsCounts: Bool {
        switch self {
        case .appendOnly: true
        case .delta, .whole, .definitionOnly, .excluded: false
        }
    }

    /// The condition that a column holds one of some treatments: `IN ('delta', 'append_only')`.
    ///
    /// - Parameter isWanted: Which treatments.
    /// - Returns: The condition, to be put after the column.
    package static func among(_ isWanted: (Treatment) -> Bool) -> SQL {
        let list = allCases.filter(isWanted).map { "\(literal: ServerText($0.rawValue))" as SQL }
        return "IN (\(list.joined(separator: ", ")))"
    }
}
