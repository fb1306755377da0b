import Catalog
import Ledger
import Postgres

/// Tables of the target that were analyzed and need no new statistics.
///
/// Fewer rows have changed since than would make autovacuum analyze them (PostgreSQL manual 25.1.3). Autovacuum does not
/// analyze partitioned tables; for them the same is asked of all their partitions together.
struct FreshStatistics: Sendable {
    private let tables: Set<QualifiedName>

    func contains(_ table: QualifiedName) -> Bool { tables.contains(table) }

    /// Reads them.
    ///
    /// - Parameter session: The session; what it has copied may not be counted by the server yet.
    /// - Throws: ``PostgresError``.
    init(of session: Session) async throws {
        let (counted, copied) = try await session.control.run { [epoch = session.epoch] connection in
            let counted = try connection.query(Self.rooms).map { row in
                (
                    table: QualifiedName(schema: try row.text("nspname"), name: try row.text("relname")),
                    room: try row.integer("room")
                )
            }
            return (counted, try Ledger(connection, epoch: epoch).tableWork())
        }
        // The server counts a session's changes only after the session has ended.
        let rows = Dictionary(
            copied.map { (QualifiedName(schema: $0.schemaName, name: $0.tableName), $0.rows) },
            uniquingKeysWith: +
        )
        let partitions = session.source.partitions
        let partitioned = Dictionary(
            keepingFirst: session.source.tables.filter(\.isPartitioned).map { ($0.qualifiedName, $0) }
        )
        tables = Set(
            counted.filter { table, room in
                let leaves = partitioned[table].map { partitions.leaves(of: $0).map(\.qualifiedName) } ?? []
                return room >= ([table] + leaves).reduce(0) { $0 + (rows[$1] ?? 0) }
            }.map(\.table)
        )
    }

    /// How many more rows may change in each table that was analyzed.
    private static let rooms: SQL = """
        SELECT n.nspname, c.relname,
               (pg_catalog.current_setting('autovacuum_analyze_threshold')::float8
                + pg_catalog.current_setting('autovacuum_analyze_scale_factor')::float8 * l.tuples - l.changes)::bigint AS room
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (
            SELECT pg_catalog.sum(p.reltuples)::float8 AS tuples,
                   pg_catalog.sum(pg_catalog.pg_stat_get_mod_since_analyze(p.oid))::float8 AS changes
            FROM pg_catalog.pg_class p
            WHERE CASE c.relkind WHEN 'r' THEN p.oid = c.oid
                  ELSE p.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf) END) AS l
        WHERE c.relkind IN ('r', 'p') AND l.tuples > 0 AND pg_catalog.pg_stat_get_last_analyze_time(c.oid) IS NOT NULL
          -- What came after the tables' rows has statistics of its own.
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext e WHERE e.stxrelid = c.oid)
        """
}
