package import Postgres

/// A table, or sequence, of an extension whose rows are the database's own: jobs of pg_cron, what pg_partman manages,
/// reference systems that were added to PostGIS's.
///
/// CREATE EXTENSION makes it and fills it; what is in it besides, as the extension's condition tells, `pg_dump` carries
/// (PostgreSQL manual 38.17.3).
package struct ExtensionTable: Sendable, Hashable, Codable {
    package let `extension`: ServerText
    package let schema: ServerText
    package let name: ServerText
    private let kind: String
    /// `WHERE …`, or nothing.
    private let condition: ServerText
    package let columns: [ServerText]
    /// The tables its foreign keys refer to.
    package let referenced: [QualifiedName]
    /// Whether the role may read it, all of its rows.
    package let isReadable: Bool

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    package var isSequence: Bool { kind == "S" }

    /// All of a database's.
    ///
    /// - Parameter connection: The database.
    /// - Returns: In the order the extensions tell them.
    /// - Throws: ``PostgresError``.
    package static func all(of connection: Connection) throws -> [ExtensionTable] {
        try connection.query(ExtensionTable.self, CatalogQuery.extensionTables)
    }

    /// The rows that are the database's own, as lines of COPY text.
    ///
    /// - Throws: ``PostgresError`` where the condition is none.
    package func copyOut() throws -> SQL {
        let list: SQL = columns.map { Identifier($0) as Identifier }.commaSeparated
        return "COPY (SELECT \(list) FROM \(rows) \(try clause())\n) TO STDOUT"
    }

    package var copyIn: SQL {
        "COPY \(qualifiedName) (\(columns.map { Identifier($0) as Identifier }.commaSeparated)) FROM STDIN"
    }

    /// Takes out the rows that are the database's own.
    ///
    /// - Throws: ``PostgresError`` where the condition is none.
    package func removal() throws -> SQL { "DELETE FROM \(rows) \(try clause())" }

    private var rows: SQL { kind == "p" ? "\(qualifiedName)" : "ONLY \(qualifiedName)" }

    /// The condition is whatever text the extension gave: it must not end the statement it is put into.
    private func clause() throws -> SQL {
        guard SQLStatements.isWithinOne(condition) else {
            throw PostgresError(
                .unexpectedAnswer,
                "extension \(self.extension.visible) gives \(qualifiedName) a condition that is none: \(condition.visible)",
                hint: "look into pg_extension.extcondition, or leave the table out with --exclude"
            )
        }
        return SQL(trusted: condition)
    }
}
