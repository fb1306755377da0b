import Postgres

/// Another session has locked a table, or waits for the lock this one holds.
struct LockedTable: Error {
    /// How long a chunk waits for a lock: longer than a server takes to cancel its own autovacuum (deadlock_timeout).
    static let patience: SQL = "'2s'"

    /// The table; nil: one of several.
    let table: QualifiedName?
    let reason: String

    /// Runs work on a table; throws ``LockedTable`` if a lock is not available, so that the table is retried later.
    ///
    /// - Parameters:
    ///   - table: The table; nil: one of several.
    ///   - context: The pass. A session that gives way in a shared snapshot loses the snapshot; the code that exported
    ///     it handles that error.
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
