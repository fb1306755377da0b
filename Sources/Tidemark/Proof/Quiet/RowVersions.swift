import Catalog
import Ledger
import Postgres

/// The row versions that a table has in a snapshot.
///
/// An INSERT or UPDATE creates a version with its own transaction id, a DELETE removes one, and a version itself never
/// changes (PostgreSQL manual 73.6, 5.5). So the same versions in two snapshots are the same rows. Between the two the
/// table must not be rewritten: the session that holds the first snapshot also holds a lock on the table.
struct RowVersions: Sendable, Equatable {
    private let count: Int
    private let sum: ServerText

    /// Reads the versions.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - connection: A connection with an open snapshot.
    /// - Throws: ``PostgresError``.
    init(of table: WatchedTable, on connection: Connection) throws {
        let row = try connection.queryOne(
            """
            SELECT count(*) AS n,
                   coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
                       t.ctid::pg_catalog.text || ' '::pg_catalog.text || t.xmin::pg_catalog.text, 0)::pg_catalog.numeric),
                       0)::pg_catalog.text AS sum
            FROM (SELECT ctid, xmin FROM \(table.rows)) AS t
            """
        )
        count = try row.integer("n")
        sum = try row.text("sum")
    }
}

/// A table of the source whose rows the target has.
struct WatchedTable: Sendable {
    /// Schema and name, as the server's counters name it.
    let name: ServerText
    /// The FROM clause that selects the copied rows.
    let rows: SQL
    /// Its size on disk.
    let bytes: Int
}

extension WatchedTable {
    init(_ relation: RelationEntry) {
        name = relation.schemaName + "." + relation.tableName
        rows = relation.rowFilter.map { "\(relation.rows) WHERE (\(SQL(trusted: $0)))" } ?? relation.rows
        bytes = relation.tableBytes
    }

    init(_ table: ExtensionTable) {
        name = table.qualifiedName.schema + "." + table.qualifiedName.name
        rows = "ONLY \(table.qualifiedName)"
        bytes = 0
    }
}
