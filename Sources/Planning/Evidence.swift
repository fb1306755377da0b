/// What a cutover takes for proof that rows did not change.
public enum Evidence: String, Sendable, Codable, CaseIterable {
    /// Rows are read: the transaction id of each on the source, and of each on the target.
    case rows
    /// Tables and chunks to which the servers' counters saw no write since they were read and proven are not read again.
    ///
    /// PostgreSQL 15 and newer; where the counters cannot show it, rows are read.
    case counters
    /// As `counters`; rows that are declared immutable are taken on trust as well, and reported as not proven.
    case declared

    /// Whether the servers' counters count as evidence.
    package var usesCounters: Bool { self != .rows }
}
