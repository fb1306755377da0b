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

    package init(transaction: Int, mark: Mark, left: Snapshot, rows: [Int: Int]) {
        self.transaction = transaction
        self.mark = mark
        self.left = left
        self.rows = Dictionary(uniqueKeysWithValues: rows.map { (String($0.key), $0.value) })
    }
}

extension Ledger {
    /// Records a way back that is about to be committed.
    ///
    /// - Parameter entry: How it leaves both sides.
    /// - Throws: ``PostgresError``.
    package func keep(_ entry: ReturnEntry) throws {
        try connection.execute("UPDATE tidemark.run SET returned = \(value: try Self.json(entry))::jsonb")
    }
}
