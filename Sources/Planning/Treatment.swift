/// How a table is brought over.
public enum Treatment: String, Sendable, Codable, CaseIterable {
    /// Copied ahead in chunks; on the night only what was written since, found by a probe of `xmin`.
    case delta
    /// Copied entirely on the night.
    case whole
    /// Neither its definition nor its rows are brought over.
    case excluded
}
