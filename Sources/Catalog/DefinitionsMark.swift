package import Postgres

/// A mark of the system catalogs, by which later changes of definitions are detected.
///
/// It applies the delta rule to the catalogs: no row was written since the mark's snapshot, and none was removed. Not
/// covered are catalogs that only a superuser may read, and those that change without a change of definitions:
/// statistics, large objects, the list of databases, shared dependencies.
package struct DefinitionsMark: Sendable, Codable {
    /// Ids are compared on a circle of 2^32 (PostgreSQL manual 25.1.5).
    private static let comparableTransactions: UInt64 = (1 << 31) - 1_000_000

    private let snapshot: Snapshot
    private let rows: [String: Int]
    /// A digest of roles and user mappings, which most roles can read only through views.
    private let digest: String

    /// Takes the mark.
    ///
    /// - Parameter connection: A connection without an open transaction.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        self = try connection.readingAhead(Self.queries) {
            try connection.transaction(.snapshot) {
                let snapshot = try Self.snapshot(connection)
                let digest = try Self.digest(connection)
                return DefinitionsMark(
                    snapshot: snapshot,
                    rows: try Self.counted(connection, since: snapshot).mapValues(\.all),
                    digest: digest
                )
            }
        }
    }

    private static let queries = [snapshotQuery, digestQuery, catalogsQuery]

    private init(snapshot: Snapshot, rows: [String: Int], digest: String) {
        self.snapshot = snapshot
        self.rows = rows
        self.digest = digest
    }

    /// Whether no definition has changed since the mark.
    ///
    /// - Parameter connection: A connection to the same database, in the snapshot to check.
    /// - Returns: True if certainly nothing has changed; false if something may have.
    /// - Throws: ``PostgresError``.
    package func holds(on connection: Connection) throws -> Bool {
        try connection.readingAhead(Self.queries) {
            let latest = try Self.snapshot(connection)
            guard latest.xmax >= snapshot.xmax, latest.xmax - snapshot.xmin < Self.comparableTransactions,
                try Self.digest(connection) == digest
            else { return false }
            let now = try Self.counted(connection, since: snapshot)
            return now.allSatisfy { $0.value.written == 0 } && now.mapValues(\.all) == rows
        }
    }

    private static func digest(_ connection: Connection) throws -> String {
        try connection.queryOne(digestQuery).word("digest")
    }

    private static let digestQuery: SQL = """
        SELECT pg_catalog.md5(
            (SELECT pg_catalog.string_agg(pg_catalog.format('%s %L', r.oid, r.rolname), ',' ORDER BY r.oid)
             FROM pg_catalog.pg_roles r)
            || coalesce((SELECT pg_catalog.string_agg(m::text, ',' ORDER BY m.umid) FROM pg_catalog.pg_user_mappings m), '')
            ) AS digest
        """

    private static func snapshot(_ connection: Connection) throws -> Snapshot {
        try connection.queryOne(snapshotQuery).snapshot("snapshot")
    }

    private static let snapshotQuery: SQL = "SELECT pg_catalog.txid_current_snapshot()::text AS snapshot"

    private static let catalogsQuery: SQL = """
        SELECT c.relname AS name FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r'
          AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
          AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_largeobject_metadata',
                                'pg_shdepend', 'pg_replication_origin', 'pg_database')
        """

    private static func counted(_ connection: Connection, since snapshot: Snapshot) throws -> [String: (
        all: Int, written: Int
    )] {
        let catalogs = try connection.query(catalogsQuery).map { try $0.text("name") }
        let oldest = UInt32(truncatingIfNeeded: snapshot.xmin)
        let each = catalogs.map { name -> SQL in
            """
            SELECT \(literal: name) AS name, count(*) AS rows,
                   count(*) FILTER (WHERE NOT pg_catalog.age(xmin) > pg_catalog.age('\(Int(oldest))'::pg_catalog.xid)) AS written
            FROM pg_catalog.\(Identifier(name))
            """
        }
        let counts = try connection.query(each.joined(separator: " UNION ALL ")).map { row in
            (try row.word("name"), (all: try row.integer("rows"), written: try row.integer("written")))
        }
        return Dictionary(keepingFirst: counts)
    }
}
