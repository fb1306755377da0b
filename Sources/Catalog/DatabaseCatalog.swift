package import Postgres

/// The contents of a database that the engine handles itself, without `pg_dump`.
package struct DatabaseCatalog: Sendable, Codable {
    package let identity: DatabaseIdentity
    package internal(set) var tables: [Table]
    package internal(set) var indexes: [Index]
    package internal(set) var constraints: [Constraint]
    package internal(set) var sequences: [SequenceDefinition]
    package internal(set) var materializedViews: [MaterializedView]
    package internal(set) var enumerations: [Enumeration]
    package let settings: DatabaseSettings
    /// nil in older archives and ledgers.
    package internal(set) var extensionTables: [ExtensionTable]?
    /// The object ids of foreign keys that are left out because they refer to a schema that is; nil: none.
    package internal(set) var foreignKeysLeftOut: [UInt32]?

    package init(
        identity: DatabaseIdentity,
        tables: [Table],
        indexes: [Index],
        constraints: [Constraint],
        sequences: [SequenceDefinition],
        materializedViews: [MaterializedView],
        enumerations: [Enumeration] = [],
        settings: DatabaseSettings = .none,
        extensionTables: [ExtensionTable]? = nil
    ) {
        self.extensionTables = extensionTables
        self.identity = identity
        self.tables = tables
        self.indexes = indexes
        self.constraints = constraints
        self.sequences = sequences
        self.materializedViews = materializedViews
        self.enumerations = enumerations
        self.settings = settings
    }

    /// Reads everything in one snapshot.
    ///
    /// - Parameter connection: A connection without an open transaction.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        self = try connection.transaction(.snapshot) { try Self(inTransactionOf: connection) }
    }

    /// Reads everything in the open transaction.
    ///
    /// - Parameter connection: A connection with an open transaction, in a snapshot if the lists must agree.
    /// - Throws: ``PostgresError``.
    package init(inTransactionOf connection: Connection) throws {
        self = try connection.readingAhead(Self.queries) {
            try Self(
                identity: DatabaseIdentity(of: connection),
                tables: Table.all(of: connection),
                indexes: connection.query(Index.self, CatalogQuery.indexes).map(\.quotedForAllServers),
                constraints: connection.query(Constraint.self, CatalogQuery.constraints).map(\.quotedForAllServers),
                sequences: connection.query(SequenceDefinition.self, CatalogQuery.sequences),
                materializedViews: connection.query(MaterializedView.self, CatalogQuery.materializedViews),
                enumerations: connection.query(Enumeration.self, CatalogQuery.enumerations),
                settings: DatabaseSettings(of: connection),
                extensionTables: ExtensionTable.all(of: connection)
            )
        }
    }

    /// The queries of the catalog, in the order in which they are read; without the identity's, which depend on each other.
    package static let queries = [
        CatalogQuery.tables, CatalogQuery.columns, CatalogQuery.indexes, CatalogQuery.constraints,
        CatalogQuery.sequences,
        CatalogQuery.materializedViews, CatalogQuery.enumerations, CatalogQuery.databaseSettings,
        CatalogQuery.extensionTables,
    ]

    package func table(_ name: QualifiedName) -> Table? { tables.first { $0.qualifiedName == name } }
    /// The tree of its partitions.
    package var partitions: PartitionTree { PartitionTree(tables) }
}

extension DatabaseSettings {
    /// Reads the settings of the database itself.
    ///
    /// - Parameter connection: Any connection.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        self = try connection.query(DatabaseSettings.self, CatalogQuery.databaseSettings).first ?? .none
    }
}

extension DatabaseIdentity {
    /// Reads the identity; if the role may not read the control data, the best available evidence.
    ///
    /// - Parameter connection: Any connection.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        guard var identity = try connection.query(DatabaseIdentity.self, CatalogQuery.identity).first else {
            throw PostgresError(.unexpectedAnswer, "the server does not list the database it is connected to")
        }
        if identity.mayReadControlData {
            let control = try connection.queryOne(
                """
                SELECT s.system_identifier::text,
                       -- The last checkpoint may be on the timeline before a promotion; the current WAL file is not.
                       -- The WAL of Aurora cannot be queried.
                       CASE WHEN pg_catalog.pg_is_in_recovery()
                                 OR pg_catalog.to_regproc('pg_catalog.aurora_version') IS NOT NULL
                                 OR NOT pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_lsn()', 'EXECUTE')
                                 OR NOT pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'EXECUTE')
                            THEN c.timeline_id
                            ELSE ('x' || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))
                                 ::pg_catalog.bit(32)::integer END AS timeline_id
                FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c
                """
            )
            identity.systemIdentifier = try control.word("system_identifier")
            identity.timeline = try control.integer("timeline_id")
        }
        self = identity
    }
}

/// The catalog's queries, stored as `.sql` files that also run in psql; `table_meaning.sql` is part of two others.
package enum CatalogQuery {
    static let tables = withMeaning(PackageResources.tables_sql)
    package static let expressions = sql(PackageResources.expressions_sql)
    package static let standingObjects = sql(PackageResources.standing_objects_sql)
    static let tableNames = sql(PackageResources.table_names_sql)
    static let columns = sql(PackageResources.columns_sql)
    static let columnTypes = sql(PackageResources.column_types_sql)
    package static let indexes = sql(PackageResources.indexes_sql)
    package static let constraints = sql(PackageResources.constraints_sql)
    package static let sequences = sql(PackageResources.sequences_sql)
    package static let materializedViews = sql(PackageResources.materialized_views_sql)
    package static let identity = sql(PackageResources.identity_sql)
    package static let enumerations = sql(PackageResources.enumerations_sql)
    package static let adoptedObjects = sql(PackageResources.adopted_objects_sql)
    package static let suspendedObjects = sql(PackageResources.suspended_objects_sql)
    package static let nightRisks = sql(PackageResources.night_risks_sql)
    package static let requirements = sql(PackageResources.requirements_sql)
    package static let provisions = sql(PackageResources.provisions_sql)
    package static let readiness = sql(PackageResources.readiness_sql)
    package static let refusedUpdates = sql(PackageResources.refused_updates_sql)
    package static let databaseSettings = sql(PackageResources.database_settings_sql)
    package static let largeObjects = sql(PackageResources.large_objects_sql)
    package static let userRelations = sql(PackageResources.user_relations_sql)
    static let extensionTables = sql(PackageResources.extension_tables_sql)

    /// The queries whose results the proof compares, by kind of object.
    package static let compared = ObjectKind.allCases.map(\.query).reduce(into: [[UInt8]]()) { queries, query in
        if !queries.contains(query) { queries.append(query) }
    }.map(sql)

    private static let tableState = withMeaning(PackageResources.table_state_sql)

    /// A query for the state that must not have changed when a chunk is read: snapshot, oid, kind, file node, digest of
    /// the columns.
    package static func tableState(_ name: QualifiedName) -> SQL {
        "\(tableState) WHERE c.oid = \(literal: name.quoted)::pg_catalog.regclass"
    }

    /// The same for several tables.
    package static func tableStates(_ names: [QualifiedName]) -> SQL {
        let list = names.map { "\(literal: $0.quoted)::pg_catalog.regclass" as SQL }.joined(separator: ", ")
        return "\(tableState) WHERE c.oid IN (\(list))"
    }

    /// A query with the columns of `table_meaning.sql`.
    private static func withMeaning(_ bytes: [UInt8]) -> SQL {
        let meaning = String(decoding: PackageResources.table_meaning_sql, as: UTF8.self)
        return SQL(
            trusted: ServerText(bytes: bytes)
                .replacingAll("-- The columns of table_meaning.sql come here.", with: ServerText(meaning))
        )
    }

    private static func sql(_ bytes: [UInt8]) -> SQL {
        SQL(trusted: String(decoding: bytes, as: UTF8.self))
    }
}
