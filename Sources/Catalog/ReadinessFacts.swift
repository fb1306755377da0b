package import Postgres

/// What decides over how a database works once it is open, beside its definitions and rows.
package struct ReadinessFacts: Sendable, Codable {
    package struct Role: Sendable, Codable, Hashable {
        package let name: String
        /// It may log in, now, and into this database.
        package let mayConnect: Bool
        /// The roles it is a member of.
        package let groups: [String]
    }

    package struct UsedIndex: Sendable, Codable, Hashable {
        package let schema: String
        package let name: String
        package let table: String
        package let scans: Int

        package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    }

    package let withoutStatistics: [QualifiedName]
    package let notVacuumed: [QualifiedName]
    package let nearWraparound: [QualifiedName]
    /// Tables an INSERT into which runs triggers or rules, by oid.
    package let withInsertCode: Set<UInt32>
    /// Settings of the server that are sometimes changed for a load, as a new session gets them.
    package let settings: [String: String]
    package let roles: [Role]
    /// The ten that were used most often.
    package let mostUsedIndexes: [UsedIndex]

    /// Reads them.
    ///
    /// - Parameter connection: Either side.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        guard let facts = try connection.query(Self.self, CatalogQuery.readiness).first else {
            throw PostgresError(.unexpectedAnswer, "no facts came")
        }
        self = facts
    }
}
