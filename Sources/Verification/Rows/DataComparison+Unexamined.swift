import Catalog
import Postgres
import Synchronization

extension DataComparison {
    /// Runs a step of a table's proof; if a server refuses it, only this table is left unproven.
    ///
    /// - Returns: Whether it was done; if not, both connections are in new transactions.
    /// - Throws: ``PostgresError`` if a connection fails.
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
    /// Removes the remaining work of a table and records why.
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
