package import Postgres

/// A table or sequence of an extension with rows that belong to the database: jobs of pg_cron, the tables pg_partman
/// manages, reference systems added to those of PostGIS.
///
/// CREATE EXTENSION creates and fills it. Any other rows, selected by the extension's condition, are dumped by `pg_dump`
/// (PostgreSQL manual 38.17.3).
package struct ExtensionTable: Sendable, Hashable, Codable {
    package let `extension`: ServerText
    package let schema: ServerText
    package let name: ServerText
    private let kind: String
    /// The condition: `WHERE …`, or empty.
    private let condition: ServerText
    package let columns: [ServerText]
    /// The tables its foreign keys reference.
    package let referenced: [QualifiedName]
    /// Whether the role may read all of its rows.
    package let isReadable: Bool

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    package var isSequence: Bool { kind == "S" }

    /// Reads all such tables and sequences of a database.
    ///
    /// - Parameter connection: A connection to the database.
    /// - Returns: The tables and sequences, in the order in which the extensions list them.
    /// - Throws: ``PostgresError``.
    package static func all(of connection: Connection) throws -> [ExtensionTable] {
        try connection.query(ExtensionTable.self, CatalogQuery.extensionTables)
    }

    /// The statement that copies out the rows that belong to the database, as COPY text.
    ///
    /// - Throws: ``PostgresError`` if the condition is invalid.
    package func copyOut() throws -> SQL {
        let list: SQL = columns.map { Identifier($0) as Identifier }.commaSeparated
        return "COPY (SELECT \(list) FROM \(rows) \(try clause())\n) TO STDOUT"
    }

    package var copyIn: SQL {
        "COPY \(qualifiedName) (\(columns.map { Identifier($0) as Identifier }.commaSeparated)) FROM STDIN"
    }

    /// The statement that deletes the rows that belong to the database.
    ///
    /// - Throws: ``PostgresError`` if the condition is invalid.
    package func removal() throws -> SQL { "DELETE FROM \(rows) \(try clause())" }

    private var rows: SQL { kind == "p" ? "\(qualifiedName)" : "ONLY \(qualifiedName)" }

    /// The condition, if it is safe to insert: it is any text the extension gave and must not end the statement.
    private func clause() throws -> SQL {
        guard SQLStatements.isWithinOne(condition) else {
            throw PostgresError(
                .unexpectedAnswer,
                "extension \(self.extension.visible) has an invalid condition for \(qualifiedName): \(condition.visible)",
                hint: "check pg_extension.extcondition, or leave the table out with --exclude"
            )
        }
        return SQL(trusted: condition)
    }
}
