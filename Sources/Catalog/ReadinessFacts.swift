package import Postgres

/// Facts other than definitions and rows that decide how a database works once it is open.
package struct ReadinessFacts: Sendable, Codable {
    package struct Role: Sendable, Codable, Hashable {
        package let name: ServerText
        /// Whether it may log in to this database now.
        package let mayConnect: Bool
        /// What keeps it from logging in; nil if nothing does, and in older archives.
        package let loginObstacle: LoginObstacle?
        /// The roles it is a member of.
        package let groups: [ServerText]
        /// Whether it may log in and write to tables, and is not a superuser; nil in older archives.
        package let isWriter: Bool?
        /// Whether it has every right anyway; nil in older archives.
        package let isSuperuser: Bool?
    }

    /// What keeps a role from logging in to a database.
    package enum LoginObstacle: String, Sendable, Codable, Hashable {
        case noLogin = "NOLOGIN"
        case expired = "VALID UNTIL"
        case noConnections = "CONNECTION LIMIT"
        case noConnect = "CONNECT"
    }

    package struct UsedIndex: Sendable, Codable, Hashable {
        package let schema: ServerText
        package let name: ServerText
        package let table: ServerText
        package let scans: Int

        package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    }

    /// Tables with rows and without statistics.
    package private(set) var withoutStatistics: [QualifiedName]
    /// Tables without statistics that were empty when the server last looked at them; nil in older archives.
    package private(set) var perhapsEmpty: [QualifiedName]?
    /// Tables on which UPDATE and DELETE fail; nil in older archives.
    package private(set) var refusedUpdates: [RefusedUpdates]?
    package let notVacuumed: [QualifiedName]
    package let nearWraparound: [QualifiedName]
    /// The oids of tables on which an INSERT runs triggers or rules, or that have foreign tables below them.
    package let withInsertCode: Set<UInt32>
    /// Server settings that are sometimes changed for a load, with the values of a new session.
    package let settings: [String: ServerText]
    package let roles: [Role]
    /// Roles that may write to tables but whose own settings make new sessions read-only; nil in older archives.
    package let closedRoles: [ServerText]?
    /// The ten indexes used most often.
    package let mostUsedIndexes: [UsedIndex]

    /// Reads the facts.
    ///
    /// - Parameter connection: A connection to either side.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        guard let facts = try connection.query(Self.self, CatalogQuery.readiness).first else {
            throw PostgresError(.unexpectedAnswer, "the server returned no row for the readiness query")
        }
        self = facts
        let isRefusing = connection.serverVersion.major >= RefusedUpdates.firstMajor
        refusedUpdates = isRefusing ? try RefusedUpdates.all(on: connection) : []
    }

    /// Reads the first row of tables that are perhaps empty.
    ///
    /// - Parameters:
    ///   - connection: A connection to the same database.
    ///   - isWanted: Which tables to read.
    /// - Returns: The facts, in which those that have rows are without statistics.
    /// - Throws: ``PostgresError``.
    package func lookingForRows(
        on connection: Connection,
        where isWanted: (QualifiedName) -> Bool
    ) throws -> ReadinessFacts {
        var facts = self
        for table in perhapsEmpty ?? [] where isWanted(table) {
            let first = try connection.query("SELECT FROM ONLY \(table) LIMIT 1")
            if !first.isEmpty { facts.withoutStatistics.append(table) }
        }
        facts.withoutStatistics.sort()
        facts.perhapsEmpty = nil
        return facts
    }
}
