package import Postgres

/// The server's counters of rows written to each table, read at one moment.
///
/// They are cumulative and contain the rows of transactions that were rolled back: an upper bound of what was written. Equal
/// counters of one epoch mean that nothing was. A transaction becomes visible to new snapshots before it is counted; so what
/// the snapshot of a mark does not see is counted after counters that were read before that snapshot.
package struct CounterReading: Sendable, Codable {
    /// The counters of one table.
    package struct Counts: Sendable, Hashable, Codable {
        package let fileNode: UInt32
        let inserted: Int
        let updated: Int
        let deleted: Int

        package init(fileNode: UInt32, inserted: Int, updated: Int, deleted: Int) {
            self.fileNode = fileNode
            self.inserted = inserted
            self.updated = updated
            self.deleted = deleted
        }
    }

    /// What was done to a table between two readings.
    package enum Change: Sendable, Equatable {
        /// Nothing was written.
        case none
        /// At most this many rows were inserted, none was updated or deleted.
        case inserts(Int)
        /// Rows were updated or deleted, the file was replaced, or the counters do not tell.
        case other
    }

    /// Identifies the counters: it changes when they are reset, lost in a crash, or those of another server.
    package let epoch: ServerText
    /// The server's clock just before they were read.
    package let readAt: String
    /// A snapshot taken just after they were read.
    package let snapshot: Snapshot
    /// By the tables' object ids.
    private let tables: [String: Counts]

    package init(epoch: ServerText, readAt: String, snapshot: Snapshot, tables: [UInt32: Counts]) {
        self.epoch = epoch
        self.readAt = readAt
        self.snapshot = snapshot
        self.tables = Dictionary(uniqueKeysWithValues: tables.map { (String($0.key), $0.value) })
    }

    /// The counters of a table; nil if it did not exist.
    package func counts(of table: UInt32) -> Counts? { tables[String(table)] }

    /// How many rows were inserted, updated and deleted in a table since an earlier reading; nil if the counters do not tell.
    package func written(
        to table: UInt32,
        since before: CounterReading
    ) -> (inserted: Int, updated: Int, deleted: Int)? {
        guard epoch == before.epoch, let then = before.counts(of: table), let now = counts(of: table),
            then.fileNode == now.fileNode, now.inserted >= then.inserted, now.updated >= then.updated,
            now.deleted >= then.deleted
        else { return nil }
        return (now.inserted - then.inserted, now.updated - then.updated, now.deleted - then.deleted)
    }

    /// What was written to a table since an earlier reading.
    ///
    /// - Parameters:
    ///   - table: The table's object id.
    ///   - before: The earlier reading.
    ///   - own: The rows that this run has inserted and deleted itself in between.
    /// - Returns: What others wrote.
    package func change(
        of table: UInt32,
        since before: CounterReading,
        besides own: (inserted: Int, deleted: Int) = (0, 0)
    ) -> Change {
        guard epoch == before.epoch, let then = before.counts(of: table), let now = counts(of: table),
            then.fileNode == now.fileNode, then.updated == now.updated, then.deleted + own.deleted == now.deleted
        else { return .other }
        switch now.inserted - then.inserted - own.inserted {
        case 0: return .none
        case let count where count > 0: return .inserts(count)
        default: return .other
        }
    }
}
