import Postgres

/// A server's counters of rows written in this database, and since when it counts.
struct Counters: Sendable {
    /// Counters of two epochs cannot be compared: they were reset, or the server has crashed and counts from zero.
    let epoch: ServerText
    /// Rows inserted, updated and deleted, by table; those of transactions that were rolled back as well.
    private let writes: [ServerText: Int]

    /// - Parameter connection: The server.
    /// - Throws: ``PostgresError``.
    init(_ connection: Connection) throws {
        // A crash resets what the whole server shares, the reset of one table what its database has.
        epoch = try connection.queryOne(
            """
            SELECT pg_catalog.concat_ws(' ', pg_catalog.pg_stat_get_db_stat_reset_time(d.oid),
                                        pg_catalog.pg_stat_get_bgwriter_stat_reset_time()) AS epoch
            FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
            """
        ).text("epoch")
        let largeObjects = Quiet.largeObjectTables.map { "\(literal: $0)" as SQL }.joined(separator: ", ")
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
    /// - Returns: The tables that count other rows now, in order.
    func tables(otherThanIn before: Counters) -> [ServerText] {
        writes.filter { name, count in count != before.writes[name] ?? 0 }.keys.sorted()
    }
}
