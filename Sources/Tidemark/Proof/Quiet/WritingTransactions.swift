import Postgres

/// The transactions of a database that have an id, prepared ones included: they may have written, and may still commit.
enum WritingTransactions {
    /// Finds them.
    ///
    /// A snapshot does not list the newest of them, whose ids may be beyond its last one; their locks do.
    ///
    /// - Parameter connection: A connection to the database; its own transaction is left out.
    /// - Returns: Their virtual ids, each of one transaction only (PostgreSQL manual 74.1).
    /// - Throws: ``PostgresError``.
    static func open(on connection: Connection) throws -> Set<ServerText> {
        let open = try connection.query(
            """
            SELECT DISTINCT x.virtualtransaction AS id FROM pg_catalog.pg_locks x
            WHERE x.locktype = 'transactionid' AND x.mode = 'ExclusiveLock' AND x.granted
              AND x.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
              AND EXISTS (SELECT FROM pg_catalog.pg_locks r
                          WHERE r.virtualtransaction = x.virtualtransaction AND r.pid IS NOT DISTINCT FROM x.pid
                            AND r.locktype = 'relation'
                            AND r.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                              WHERE d.datname = pg_catalog.current_database()))
            """
        )
        return Set(try open.map { try $0.text("id") })
    }
}
