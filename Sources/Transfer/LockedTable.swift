import Postgres

/// Somebody else has a table's lock, or waits for ours.
struct LockedTable: Error {
    /// How long a chunk waits for a lock: longer than a server takes to send its own autovacuum away (deadlock_timeout).
    static let patience: SQL = "'2s'"

    /// Nil: one of several.
    let table: QualifiedName?
    let reason: String

    /// Runs what works on a table; a lock it did not get makes it one to come back to.
    ///
    /// - Parameters:
    ///   - table: The table; nil: one of several.
    ///   - context: In a snapshot that others hold, what gives way takes the snapshot with it: that is for whoever has taken it.
    ///   - body: The work.
    /// - Returns: What `body` returns.
    /// - Throws: ``LockedTable``, and what else `body` throws.
    static func thrown<Result>(by table: QualifiedName?, in context: PassContext, _ body: () throws -> Result) throws
        -> Result
    {
        do {
            return try body()
        } catch let error as PostgresError
            where error.sqlState == "55P03" || error.code == .gaveWay && context.snapshot == nil
        {
            throw LockedTable(table: table, reason: error.message)
        }
    }
}
