import Catalog
import Postgres
import Synchronization

extension DataComparison {
    /// Does a part of a table's proof; what a server refuses counts against this table alone.
    ///
    /// - Returns: Whether it was done; else both transactions are new.
    /// - Throws: ``PostgresError``, where a connection fails.
    @discardableResult
    func examining(_ table: QualifiedName, _ pair: VerificationPair, _ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return true
        } catch let error as PostgresError where error.isRefusal {
            state.withLock { $0.setAside(table, error) }
            try pair.beginAnew()
            return false
        }
    }
}

extension DataComparison.State {
    /// Leaves out what is left to do of a table.
    fileprivate mutating func setAside(_ table: QualifiedName, _ error: PostgresError) {
        unexamined.add(table, error)
        open.removeAll { $0.table == table }
        for side in [Endpoint.Side.source, .target] {
            let counted = DataComparison.CountedSide(table: table, side: side)
            wholes.remove(counted)
            counts.remove(counted)
        }
    }
}
