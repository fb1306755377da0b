package import Postgres

/// The foreign keys of some tables, which did not act while rows were written.
package enum TouchedForeignKeys {
    /// Fails if one of them, validated until then, would not hold any more.
    ///
    /// - Parameters:
    ///   - tables: The tables that were written; a foreign key concerns both of its tables.
    ///   - connection: A connection in the transaction that wrote them.
    /// - Throws: ``PostgresError`` that lists the rows.
    package static func check(of tables: [QualifiedName], on connection: Connection) throws {
        guard !tables.isEmpty else { return }
        let names = tables.map { "\(literal: $0.quoted)::pg_catalog.regclass" as SQL }.joined(separator: ", ")
        let keys = try connection.query(
            """
            SELECT n.nspname AS schema, c.relname AS table_name, con.conname AS name
            FROM pg_catalog.pg_constraint con
            JOIN pg_catalog.pg_class c ON c.oid = con.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE con.contype = 'f' AND con.convalidated AND con.conparentid = 0
              AND (con.conrelid IN (\(names)) OR con.confrelid IN (\(names))
                   OR EXISTS (SELECT FROM pg_catalog.pg_partition_tree(con.conrelid) p WHERE p.relid IN (\(names)))
                   OR EXISTS (SELECT FROM pg_catalog.pg_partition_tree(con.confrelid) p WHERE p.relid IN (\(names))))
            ORDER BY 1, 2, 3
            """
        )
        let orphans = try keys.compactMap { key in
            let table = QualifiedName(schema: try key.text("schema"), name: try key.text("table_name"))
            return try during("checking \(table) for rows that refer to missing rows") {
                try ForeignKeyOrphans.find(key.text("name"), of: table, on: connection)
            }
        }
        guard orphans.isEmpty else {
            throw PostgresError(.statementFailed, orphans.joined(separator: "\n"), sqlState: "23503")
        }
    }
}
