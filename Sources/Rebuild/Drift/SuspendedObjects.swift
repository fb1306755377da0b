import Catalog
package import Postgres

/// Foreign keys, triggers and rules that are put out of action and restored within one transaction, where the role may not write
/// as a replica does.
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
    /// - Throws: ``PostgresError``.
    package init(of tables: [QualifiedName], on connection: Connection) throws {
        self.connection = connection
        guard !tables.isEmpty else {
            restoring = []
            return
        }
        let names = tables.map { "\(literal: $0.quoted)::pg_catalog.regclass" as SQL }.joined(separator: ", ")
        // A foreign key may be found by several partitions.
        let found = try connection.query(
            """
            \(CatalogQuery.suspendedObjects) WHERE o.table_oid IN (\(names)) OR o.other_oid IN (\(names))
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
