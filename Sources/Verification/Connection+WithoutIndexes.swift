import Postgres

extension Connection {
    /// Tables are read from end to end until the transaction ends: a damaged index cannot hide rows.
    func doWithoutIndexes() throws {
        try execute(
            "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off"
        )
    }
}
