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
    public var isCopiedAhead: Bool { self == .delta || self == .appendOnly }
    /// Whether its rows are copied at all.
    public var bringsRows: Bool { isCopiedAhead || self == .whole }
}
