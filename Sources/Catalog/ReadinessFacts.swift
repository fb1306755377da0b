package import Postgres

/// What decides over how a database works once it is open, beside its definitions and rows.
package struct ReadinessFacts: Sendable, Codable {
    package struct Role: Sendable, Codable, Hashable {
        package let name: ServerText
        /// It may log in, now, and into this database.
        package let mayConnect: Bool
        /// The roles it is a member of.
        package let groups: [ServerText]
        /// Whether it may log in and write to tables, and is no superuser; nil in archives of before.
        package let isWriter: Bool?
    }

    package struct UsedIndex: Sendable, Codable, Hashable {
        package let schema: ServerText
        package let name: ServerText
        package let table: ServerText
        package let scans: Int

        package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    }

    package let withoutStatistics: [QualifiedName]
    package let notVacuumed: [QualifiedName]
    package let nearWraparound: [QualifiedName]
    /// Tables an INSERT into which runs triggers or rules, by oid.
    package let withInsertCode: Set<UInt32>
    /// Settings of the server that are sometimes changed for a load, as a new session gets them.
    package let settings: [String: ServerText]
    package let roles: [Role]
    /// Roles that may write to tables and whose new sessions are read-only by a setting of theirs; nil in archives of
    /// before.
    package let closedRoles: [ServerText]?
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
