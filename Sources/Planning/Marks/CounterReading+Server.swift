package import Postgres

extension CounterReading {
    /// The first version that keeps counters in shared memory; before, messages to a collector could be lost.
    package static let firstMajor = 15

    /// Reads the counters, and then takes a snapshot.
    ///
    /// - Parameters:
    ///   - connection: A connection without an open transaction, because a transaction sees counters as it saw them first.
    ///   - identity: The identity of the database.
    /// - Throws: ``PostgresError``.
    package init(_ connection: Connection, _ identity: MarkIdentity) throws {
        let counts: SQL = """
            SELECT c.oid::bigint AS oid, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint AS file_node,
                   pg_catalog.pg_stat_get_tuples_inserted(c.oid) AS inserted,
                   pg_catalog.pg_stat_get_tuples_updated(c.oid) AS updated,
                   pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS deleted
            FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384
            """
        // Each in a transaction of its own, which sees the counters anew.
        let queries: [SQL] = [
            "SELECT pg_catalog.clock_timestamp()::text AS now", Self.resets, counts,
            "SELECT pg_catalog.txid_current_snapshot()::text AS snapshot", Self.resets,
        ]
        let answers = try queries.map { try connection.query($0) }
        func only(_ number: Int) throws -> Row {
            guard answers[number].count == 1 else {
                throw PostgresError(.unexpectedAnswer, "the server did not return one row about its counters")
            }
            return answers[number][0]
        }
        func epoch(_ row: Row) throws -> ServerText {
            ServerText(identity.description + " ") + (try row.text("resets"))
        }
        var tables: [UInt32: Counts] = [:]
        for row in answers[2] {
            tables[UInt32(try row.integer("oid"))] = Counts(
                fileNode: UInt32(try row.integer("file_node")),
                inserted: try row.integer("inserted"),
                updated: try row.integer("updated"),
                deleted: try row.integer("deleted")
            )
        }
        // A reset while they were read would make them a mixture.
        let (before, after) = (try epoch(only(1)), try epoch(only(4)))
        self.init(
            epoch: before == after ? before : after + " read during a reset",
            readAt: try only(0).word("now"),
            snapshot: try only(3).snapshot("snapshot"),
            tables: tables
        )
    }

    /// A crash resets the counters of the whole server, a manual reset those of the database or one table of it.
    private static let resets: SQL = """
        SELECT pg_catalog.concat_ws(' ', coalesce(pg_catalog.pg_stat_get_db_stat_reset_time(d.oid)::text, '-'),
                                    coalesce(pg_catalog.pg_stat_get_bgwriter_stat_reset_time()::text, '-')) AS resets
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
        """
}
