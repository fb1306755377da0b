package import Postgres

/// A table on which PostgreSQL 18 and newer refuse UPDATE and DELETE: publications leave out a generated column of its replica
/// identity (PostgreSQL manual 29.6, Generated Column Replication).
package struct RefusedUpdates: Sendable, Codable, Hashable {
    /// The first major version that refuses them.
    package static let firstMajor = 18

    package let schema: ServerText
    package let name: ServerText
    /// The publications that leave the column out.
    package let publications: [ServerText]

    package var table: QualifiedName { QualifiedName(schema: schema, name: name) }

    /// The statements after which its publications publish the column; only for a server that refuses.
    package var repair: String {
        publications.map { "ALTER PUBLICATION \(Identifier($0).quoted) SET (publish_generated_columns = stored)" }
            .joined(separator: "; ")
    }

    /// Finds them.
    ///
    /// - Parameter connection: A connection to either side.
    /// - Returns: The tables that the server refuses to change, or would refuse to if it were new enough.
    /// - Throws: ``PostgresError``.
    package static func all(on connection: Connection) throws -> [RefusedUpdates] {
        try connection.query(Self.self, CatalogQuery.refusedUpdates)
    }
}
