package import Planning
package import Postgres

/// How both sides were left by a transaction that copied the target's new rows back to the old source.
///
/// It is recorded just before that transaction commits, because the ledger is in the other database. The old source's server
/// knows whether it did (`txid_status`).
package struct ReturnEntry: Sendable, Codable {
    /// The transaction on the old source.
    package let transaction: Int
    /// The mark of the target whose rows were read.
    package let mark: Mark
    /// What could be seen on the old source while its tables were locked.
    package let left: Snapshot
    /// The rows of each table on both sides, by the tables' numbers.
    package let rows: [String: Int]
    /// Whether its commit was confirmed; nil if the old source's server has to be asked.
    package private(set) var isCommitted: Bool?
    /// The way back before it: it counts if this one was not committed.
    ///
    /// At most one; nil if there was none since the cutover.
    package private(set) var before: [ReturnEntry]?

    /// - Parameters:
    ///   - transaction: The transaction on the old source.
    ///   - mark: The mark of the target.
    ///   - left: What could be seen on the old source.
    ///   - rows: The rows of each table, by the tables' numbers.
    ///   - before: The way back before it; nil if there was none since the cutover.
    package init(transaction: Int, mark: Mark, left: Snapshot, rows: [Int: Int], after before: ReturnEntry?) {
        self.transaction = transaction
        self.mark = mark
        self.left = left
        self.rows = Dictionary(uniqueKeysWithValues: rows.map { (String($0.key), $0.value) })
        self.before = before.map { [$0.alone] }
    }

    /// The same without the one before it.
    private var alone: ReturnEntry {
        var entry = self
        entry.before = nil
        return entry
    }

    /// The same after its commit was confirmed.
    package var committed: ReturnEntry {
        var entry = alone
        entry.isCommitted = true
        return entry
    }
}

extension Ledger {
    /// Records a way back that is about to be committed, or that was committed.
    ///
    /// - Parameter entry: How it leaves both sides.
    /// - Throws: ``PostgresError``.
    package func keep(_ entry: ReturnEntry) throws {
        try connection.execute("UPDATE tidemark.run SET returned = \(value: try Self.json(entry))::jsonb")
    }
}
