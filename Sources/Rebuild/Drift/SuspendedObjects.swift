import Catalog
package import Postgres

/// Foreign keys, triggers and rules that are put out of action and restored within one transaction.
///
/// Where rows are written as a replica writes them, only those that act then as well (ENABLE ALWAYS, ENABLE REPLICA).
///
/// The transaction must have locked the tables. If it is rolled back, nothing has happened.
package struct SuspendedObjects {
    private let connection: Connection
    private let restoring: [SQL]

    /// Puts them out of action.
    ///
    /// - Parameters:
    ///   - tables: The tables to be written.
    ///   - connection: A connection with an open transaction.
    ///   - asReplica: Whether the connection writes as a replica does.
    /// - Throws: ``PostgresError``.
    package init(of tables: [QualifiedName], on connection: Connection, asReplica: Bool) throws {
        self.connection = connection
        guard !tables.isEmpty else {
            restoring = []
            return
        }
        let names = tables.map { "\(literal: $0.quoted)::pg_catalog.regclass" as SQL }.joined(separator: ", ")
        // A foreign key may be found by several partitions.
        let found = try connection.query(
            """
            \(CatalogQuery.suspendedObjects)
            WHERE o.fires IN ('A', \(literal: asReplica ? "R" : "O")) AND (o.table_oid IN (\(names)) OR o.other_oid IN (\(names)))
            GROUP BY o.place, o.off, o.back ORDER BY o.place, o.off
            """
        )
        for object in found { try connection.execute(SQL(trusted: object.text("off"))) }
        restoring = try found.reversed().map { SQL(trusted: try $0.text("back")) }
    }

    /// Restores them; foreign keys that were validated are validated again.
    ///
    /// - Throws: ``PostgresError``.
    package func restore() throws {
        for statement in restoring { try connection.execute(statement) }
    }
}
