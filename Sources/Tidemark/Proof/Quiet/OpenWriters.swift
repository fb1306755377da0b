import Postgres
import Report

/// Transactions that have written and may still commit, prepared ones included.
///
/// A writer locks the table it writes to until it ends, and has a transaction id (PostgreSQL manual 13.3.1, 74.1). Both
/// are required: LOCK TABLE and an UPDATE that found no row have the lock but no id; nextval and ANALYZE have an id but
/// lock no table. VACUUM and CREATE INDEX CONCURRENTLY lock indexes as writers do, and autovacuum locks a table exclusively
/// to truncate its file, but they write no rows.
enum OpenWriters {
    /// The most characters of a statement that are shown.
    private static let statementLength: SQL = "120"

    /// Finds them.
    ///
    /// - Parameters:
    ///   - connection: The source.
    ///   - uncopied: Tables whose rows are not copied; a DDL statement counts for them, a row does not.
    ///   - withLargeObjects: Whether large objects count.
    /// - Returns: Each session or prepared transaction, as it is now.
    /// - Throws: ``PostgresError``.
    static func find(
        on connection: Connection,
        uncopied: Set<UInt32>,
        withLargeObjects: Bool
    ) throws -> [OpenTransaction] {
        let uncopied = "{" + uncopied.sorted().map(String.init).joined(separator: ",") + "}"
        let largeObjects = LargeObjectTables.names.map { "\(literal: $0)::pg_catalog.regclass" as SQL }
            .joined(separator: ", ")
        return try connection.query(
            """
            WITH held AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks WHERE granted),
                 writing AS (
                     SELECT DISTINCT l.virtualtransaction, l.pid
                     FROM held l LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
                     WHERE l.locktype = 'relation'
                       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                         WHERE d.datname = pg_catalog.current_database())
                       AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                       AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
                       AND CASE
                           WHEN l.relation IN (\(largeObjects)) THEN \(withLargeObjects ? "true" as SQL : "false")
                           WHEN l.relation < 16384 THEN false
                           WHEN c.oid IS NULL THEN \(isNewTable)
                           WHEN c.relpersistence = 't' OR c.relkind IN ('i', 'I', 'm') THEN false
                           -- Partitioned tables, views and sequences are locked together with the table.
                           WHEN l.mode = 'RowExclusiveLock'
                               THEN c.relkind = 'r' AND c.oid <> ALL (\(value: uncopied)::oid[])
                           ELSE c.relkind <> 't' END)
            SELECT DISTINCT coalesce('prepared transaction ' || p.gid,
                                     \(Company.name) || ' (server process ' || w.pid::text || ')', 'unnamed') AS name,
                   coalesce(p.owner, a.usename)::text AS role,
                   CASE WHEN a.client_port < 0 THEN 'a socket of the server''s machine'
                        ELSE pg_catalog.host(a.client_addr) END AS client,
                   pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(p.prepared, a.xact_start)))::int
                       AS seconds,
                   a.state,
                   CASE WHEN a.state IS NOT NULL
                        THEN pg_catalog.left(pg_catalog.regexp_replace(a.query, '[[:space:]]+', ' ', 'g'), \(statementLength)) END
                       AS statement
            FROM writing w
            JOIN held x ON x.virtualtransaction = w.virtualtransaction AND x.pid IS NOT DISTINCT FROM w.pid
                 AND x.locktype = 'transactionid' AND x.mode = 'ExclusiveLock'
            LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid
            LEFT JOIN pg_catalog.pg_prepared_xacts p ON w.pid IS NULL AND p.transaction = x.transactionid
            -- Only autovacuum locks tables without a role.
            WHERE w.pid IS NULL OR a.usesysid IS NOT NULL
            ORDER BY 1
            """
        ).map { row in
            OpenTransaction(
                name: try row.text("name").visible,
                role: row["role"]?.visible,
                client: row["client"]?.visible,
                seconds: try row["seconds"].map { _ in try row.integer("seconds") },
                state: row["state"]?.visible,
                statement: row["statement"]?.visible
            )
        }
    }

    /// Whether a relation that is not visible yet is a permanent one.
    ///
    /// CREATE TABLE locks the schema. The name of a session's temporary schema contains the first part of its virtual
    /// transaction id; the schema is not visible before the transaction that created it has ended. The relation that
    /// REFRESH MATERIALIZED VIEW fills becomes the view's own file.
    private static let isNewTable: SQL = """
        NOT EXISTS (SELECT FROM held v JOIN pg_catalog.pg_class m ON m.oid = v.relation AND m.relkind = 'm'
                    WHERE v.locktype = 'relation' AND v.virtualtransaction = l.virtualtransaction
                      AND v.mode IN ('ExclusiveLock', 'AccessExclusiveLock'))
        AND NOT (SELECT count(*) > 0 AND coalesce(pg_catalog.bool_and(
                            CASE WHEN n.oid IS NULL
                                THEN pg_catalog.to_regnamespace('pg_temp_' || pg_catalog.split_part(s.virtualtransaction, '/', 1)) IS NULL
                                ELSE n.nspname ~ '^pg_(toast_)?temp_' END), false)
                 FROM held s LEFT JOIN pg_catalog.pg_namespace n ON n.oid = s.objid
                 WHERE s.locktype = 'object' AND s.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                   AND s.virtualtransaction = l.virtualtransaction)
        """
}
