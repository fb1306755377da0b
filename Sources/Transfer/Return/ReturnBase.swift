package import Ledger
package import Planning
package import Postgres

/// The last time at which the target and the old source were equal: the end of the cutover, or of an earlier way back.
package struct ReturnBase: Sendable {
    /// The mark of the target: rows it does not see were written since.
    package let mark: Mark
    /// What could be seen on the old source then.
    package let left: Snapshot
    /// The transaction that copied rows back to the old source then; nil after a cutover, which only reads it.
    let own: Int?
    /// The rows of each table on both sides, by the tables' numbers.
    let rows: [Int: Int]

    /// - Parameters:
    ///   - mark: The target as the cutover left it.
    ///   - snapshot: The old source's snapshot that the cutover read, when nobody else wrote to that database.
    ///   - rows: The rows of each table, by the tables' numbers.
    package init(cutover mark: Mark, reading snapshot: Snapshot, rows: [Int: Int]) {
        self.mark = mark
        left = snapshot
        own = nil
        self.rows = rows
    }

    /// - Parameter entry: A way back that was committed.
    package init(_ entry: ReturnEntry) {
        mark = entry.mark
        left = entry.left
        own = entry.transaction
        rows = Dictionary(keepingFirst: entry.rows.compactMap { entry in Int(entry.key).map { ($0, entry.value) } })
    }

    /// The condition for rows of the old source that others have written since.
    ///
    /// Transactions of other databases are in flight at any time, and hold back the snapshot's xmin. So a row between its two
    /// bounds counts as later only if its transaction was in flight.
    var isLater: SQL {
        let beyond: SQL =
            "pg_catalog.age(xmin) <= pg_catalog.age(\(literal: Self.id(left.xmax))::pg_catalog.xid)"
        let listed = left.inFlight.map { "\(literal: Self.id($0))" as SQL }.joined(separator: ", ")
        let isLater: SQL = left.inFlight.isEmpty ? beyond : "(\(beyond) OR xmin::text IN (\(listed)))"
        guard let own else { return isLater }
        return "\(isLater) AND xmin::text <> \(literal: Self.id(UInt64(own)))"
    }

    /// The two databases of a way back.
    package enum Side: Sendable {
        /// The one that the cutover filled.
        case new
        /// The one that was the source then.
        case old
    }

    /// Finds tables of which a column was dropped since: another one may have its name now.
    ///
    /// - Parameters:
    ///   - side: The side.
    ///   - connection: A connection to it.
    /// - Returns: The tables' object ids.
    /// - Throws: ``PostgresError``.
    package func tablesWithoutColumns(_ side: Side, on connection: Connection) throws -> Set<UInt32> {
        let isSince = side == .new ? DeltaRule.isWritten(since: mark) : isLater
        let found = try connection.query(
            """
            SELECT DISTINCT attrelid::bigint AS oid FROM pg_catalog.pg_attribute
            WHERE attisdropped AND attnum > 0 AND \(isSince)
            """
        )
        return Set(try found.map { UInt32(try $0.integer("oid")) })
    }

    /// The form in which `xmin` shows a transaction.
    package static func id(_ transaction: UInt64) -> String { String(UInt32(truncatingIfNeeded: transaction)) }
}
