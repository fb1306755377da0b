/// How a table is brought over.
public enum Treatment: String, Sendable, Codable, CaseIterable {
    /// Copied ahead in chunks; on the night only what was written since, found by a probe of `xmin`.
    case delta
    /// As delta, but the operator declares that rows are only ever added.
    ///
    /// A chunk whose number of rows is the ledger's is taken for unchanged; any other is probed.
    case appendOnly = "append_only"
    /// Copied entirely on the night.
    case whole
    /// The table with its keys and indexes, without its rows.
    case definitionOnly = "definition_only"
    /// Neither its definition nor its rows are brought over.
    case excluded

    /// Whether its rows are copied days ahead, in chunks.
    public var isCopiedAhead: Bool { self == .delta || self == .appendOnly }
    /// Whether its rows are brought over at all.
    public var bringsRows: Bool { isCopiedAhead || self == .whole }
}
