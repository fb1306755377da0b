package import Postgres

/// The requirements of the source's definitions for the target's server.
package struct Requirements: Sendable, Codable {
    package struct Extension: Sendable, Codable, Hashable {
        package let name: ServerText
        package let version: String
        package let schema: ServerText
    }

    package struct Role: Sendable, Codable, Hashable {
        package let name: ServerText
        /// Whether it owns anything; otherwise it only has rights.
        package let isOwner: Bool
        /// Whether it owns a table or view in the schema public.
        package let ownsInPublic: Bool

        package init(name: ServerText, isOwner: Bool, ownsInPublic: Bool) {
            self.name = name
            self.isOwner = isOwner
            self.ownsInPublic = ownsInPublic
        }
    }

    /// An object that only a superuser may create.
    package struct SuperuserObject: Sendable, Codable, Hashable {
        package let kind: String
        /// The omission that leaves it out, if there is one.
        package let omission: String?
        package let name: ServerText
    }

    package let extensions: [Extension]
    package let roles: [Role]
    /// Whether the role that created the cluster owns objects; it is not listed in `roles`.
    package let hasObjectsOfBootstrap: Bool
    package let bootstrapRole: ServerText
    /// Whether that role owns the schema public, as is the default before PostgreSQL 15.
    ///
    /// Since PostgreSQL 15 it is not the default, and `pg_dump` prints it.
    package let bootstrapOwnsPublic: Bool
    package let tablespaces: [ServerText]
    package let collations: [ServerText]
    package let languages: [ServerText]
    package let superuserObjects: [SuperuserObject]
    package let subscriptions: [ServerText]
    /// CHECK constraints with functions that may read other tables.
    package let callingChecks: [ServerText]
    /// The number of user mappings whose options, including passwords, this role may not see.
    package let hiddenUserMappings: Int
    package let replicationSlots: Int
    package let unreadableLargeObjects: Int
    package let isSuperuser: Bool

    /// Reads the requirements.
    ///
    /// - Parameter connection: A connection to the source.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        let found = try connection.query(Self.self, CatalogQuery.requirements)
        guard let first = found.first else {
            throw PostgresError(.unexpectedAnswer, "the server returned no row for the requirements query")
        }
        self = first
    }
}

/// What a server offers for definitions that the connected role will create.
package struct Provisions: Sendable, Codable {
    package struct Extension: Sendable, Codable, Hashable {
        package let name: ServerText
        package let version: String
        package let isDefault: Bool
        package let needsSuperuser: Bool
        /// The schema it is installed in; nil if it is not installed.
        package let installedIn: ServerText?
    }

    package struct Role: Sendable, Codable, Hashable {
        package let name: ServerText
        package let isSuperuser: Bool
        /// Whether the connected role may make this role the owner of its objects.
        package let mayGiveTo: Bool
        /// Whether it may create objects in the schema public, as owners of objects there must (PostgreSQL manual, ALTER
        /// TABLE, OWNER TO).
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

    /// Reads the provisions.
    ///
    /// - Parameter connection: A connection to the target.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        let found = try connection.query(Self.self, CatalogQuery.provisions)
        guard let first = found.first else {
            throw PostgresError(.unexpectedAnswer, "the server returned no row for the provisions query")
        }
        self = first
    }
}
