import Postgres

/// The server's counters of rows written in this database.
struct Counters: Sendable {
    /// Changes when the counters are reset or lost in a crash; counters of different epochs cannot be compared.
    let epoch: ServerText
    /// Rows inserted, updated and deleted, by table, including those of transactions that were rolled back.
    private let writes: [ServerText: Int]

    /// - Parameter connection: The server.
    /// - Throws: ``PostgresError``.
    init(_ connection: Connection) throws {
        // A crash resets the counters of the whole server, a manual reset those of the database.
        epoch = try connection.queryOne(
            """
            SELECT pg_catalog.concat_ws(' ', pg_catalog.pg_stat_get_db_stat_reset_time(d.oid),
                                        pg_catalog.pg_stat_get_bgwriter_stat_reset_time()) AS epoch
            FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
            """
        ).text("epoch")
        let largeObjects = LargeObjectTables.names.map { "\(literal: $0)" as SQL }.joined(separator: ", ")
        let rows = try connection.query(
            """
            SELECT s.name, s.n
            FROM (SELECT schemaname, schemaname || '.' || relname AS name, (n_tup_ins + n_tup_upd + n_tup_del) AS n
                  FROM pg_catalog.pg_stat_all_tables) AS s
            WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema' OR s.name IN (\(largeObjects))
            """
        )
        writes = Dictionary(try rows.map { (try $0.text("name"), try $0.integer("n")) }, uniquingKeysWith: +)
    }

    /// - Parameter before: Counters of the same epoch.
    /// - Returns: The tables whose counters differ, in order.
    func tables(otherThanIn before: Counters) -> [ServerText] {
        writes.filter { name, count in count != before.writes[name] ?? 0 }.keys.sorted()
    }
}
