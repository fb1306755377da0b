package import Postgres

extension Connection {
    /// Disables index scans until the transaction ends, so that a damaged index cannot hide rows.
    package func doWithoutIndexes() throws {
        try execute(
            "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off"
        )
    }
}
