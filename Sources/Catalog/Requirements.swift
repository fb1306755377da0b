package import Postgres

/// What the source's definitions need of the server they are to be made on.
package struct Requirements: Sendable, Codable {
    package struct Extension: Sendable, Codable, Hashable {
        package let name: ServerText
        package let version: String
        package let schema: ServerText
    }

    package struct Role: Sendable, Codable, Hashable {
        package let name: ServerText
        /// Whether anything belongs to it; else it only has rights.
        package let isOwner: Bool
        /// Whether a table or view in the schema public belongs to it.
        package let ownsInPublic: Bool

        package init(name: ServerText, isOwner: Bool, ownsInPublic: Bool) {
            self.name = name
            self.isOwner = isOwner
            self.ownsInPublic = ownsInPublic
        }
    }

    /// An object that only a superuser may make.
    package struct SuperuserObject: Sendable, Codable, Hashable {
        package let kind: String
        /// What leaves it out, where there is such a thing.
        package let omission: String?
        package let name: ServerText
    }

    package let extensions: [Extension]
    package let roles: [Role]
    /// The role that made the cluster is not among the others, whatever belongs to it.
    package let hasObjectsOfBootstrap: Bool
    package let bootstrapRole: ServerText
    /// As it is before PostgreSQL 15; from then on it is no default any more, and `pg_dump` tells it.
    package let bootstrapOwnsPublic: Bool
    package let tablespaces: [ServerText]
    package let collations: [ServerText]
    package let languages: [ServerText]
    package let superuserObjects: [SuperuserObject]
    package let subscriptions: [ServerText]
    /// CHECK constraints with functions that may read other tables.
    package let callingChecks: [ServerText]
    /// User mappings whose options, passwords among them, this role may not see.
    package let hiddenUserMappings: Int
    package let replicationSlots: Int
    package let unreadableLargeObjects: Int
    package let isSuperuser: Bool

    /// Reads them.
    ///
    /// - Parameter connection: The source.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        let found = try connection.query(Self.self, CatalogQuery.requirements)
        guard let first = found.first else { throw PostgresError(.unexpectedAnswer, "no requirements came") }
        self = first
    }
}

/// What a server offers to definitions that the connected role is to make on it.
package struct Provisions: Sendable, Codable {
    package struct Extension: Sendable, Codable, Hashable {
        package let name: ServerText
        package let version: String
        package let isDefault: Bool
        package let needsSuperuser: Bool
        /// The schema it is in, where it is there already.
        package let installedIn: ServerText?
    }

    package struct Role: Sendable, Codable, Hashable {
        package let name: ServerText
        package let isSuperuser: Bool
        /// Whether the connected role may make it the owner of what it owns itself.
        package let mayGiveTo: Bool
        /// Only who may create there may be given what is there (PostgreSQL manual, ALTER TABLE, OWNER TO).
        package let mayCreateInPublic: Bool
    }

    package let extensions: [Extension]
    package let roles: [Role]
    package let tablespaces: [ServerText]
    package let collations: [ServerText]
    package let languages: [ServerText]
    package let mayCreateSubscriptions: Bool
    package let isSuperuser: Bool
    package let mayCreateRoles: Bool
    package let ownsDatabase: Bool
    package let superuserParameters: [ServerText]

    /// Reads them.
    ///
    /// - Parameter connection: The target.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        let found = try connection.query(Self.self, CatalogQuery.provisions)
        guard let first = found.first else { throw PostgresError(.unexpectedAnswer, "no provisions came") }
        self = first
    }
}
