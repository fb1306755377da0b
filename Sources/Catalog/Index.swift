package import Postgres

/// An index as described by the catalog, with the constraint it enforces.
package struct Index: Sendable, Hashable, Codable {
    package struct StatisticsTarget: Sendable, Hashable, Codable {
        package let column: Int
        package let target: Int
    }

    /// `pg_constraint.contype` of a constraint that an index enforces.
    package enum ConstraintType: String, Sendable, Hashable, Codable {
        case primaryKey = "p"
        case unique = "u"
        case exclusion = "x"
    }

    /// `pg_class.relkind` of an index.
    package enum Kind: String, Sendable, Hashable, Codable {
        case plain = "i"
        case partitioned = "I"
    }

    package let oid: UInt32
    package let tableOid: UInt32
    package let schema: ServerText
    package let tableName: ServerText
    package let name: ServerText
    package let kind: Kind
    package let tableKind: Table.Kind
    /// The result of `pg_get_indexdef`, with all names schema-qualified.
    package private(set) var definition: ServerText
    package let isUnique: Bool
    package let isPrimary: Bool
    package let isExclusion: Bool
    package let isImmediate: Bool
    package let isValid: Bool
    package let isReady: Bool
    package let isLive: Bool
    package let isClustered: Bool
    package let isReplicaIdentity: Bool
    package let isNullsNotDistinct: Bool
    package let isPartial: Bool
    package let hasExpressions: Bool
    package let accessMethod: ServerText
    /// Its expressions, separated by commas.
    package private(set) var expressions: ServerText?
    package private(set) var predicate: ServerText?
    /// The tablespace; nil: the database's default.
    package private(set) var tablespace: ServerText?
    package let bytes: Int
    /// The key columns in order; nil for an expression.
    package let keyColumns: [ServerText?]?
    /// The index of the partitioned table that this one is attached to.
    package let parentOid: UInt32?
    package let statisticsTargets: [StatisticsTarget]?
    /// Extensions with which it is dropped (ALTER INDEX … DEPENDS ON EXTENSION); nil: none.
    package private(set) var dependentOnExtensions: [ServerText]?
    package let constraintName: ServerText?
    package let constraintType: ConstraintType?
    package private(set) var constraintDefinition: ServerText?
    package let isDeferrable: Bool
    package let isDeferred: Bool

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    package var tableQualifiedName: QualifiedName { QualifiedName(schema: schema, name: tableName) }
    package var isPartitioned: Bool { kind == .partitioned }
    /// The name that reports and the ledger use: that of its constraint, if it has one.
    package var objectKind: String {
        switch constraintType {
        case .primaryKey: "primary key"
        case .unique: "unique constraint"
        case .exclusion: "exclusion constraint"
        case nil: "index"
        }
    }
    package var isOfMaterializedView: Bool { tableKind == .materializedView }

    /// The same index, in the target's default tablespace.
    package var withoutTablespace: Index {
        var index = self
        index.tablespace = nil
        return index
    }

    /// The same index, which stays when one of some extensions is dropped.
    func independent(of extensions: Set<ServerText>) -> Index {
        var index = self
        index.dependentOnExtensions?.removeAll(where: extensions.contains)
        return index
    }

    /// The same index with its names quoted for all servers.
    package var quotedForAllServers: Index {
        var index = self
        index.definition = definition.quotedForAllServers
        index.expressions = expressions?.quotedForAllServers
        index.predicate = predicate?.quotedForAllServers
        index.constraintDefinition = constraintDefinition?.quotedForAllServers
        return index
    }

    /// The same index with definitions as another server prints them.
    ///
    /// - Parameters:
    ///   - definition: The index's definition there.
    ///   - constraintDefinition: The definition of its constraint there; nil if it has none.
    /// - Returns: The index.
    package func worded(as definition: ServerText, constraint constraintDefinition: ServerText?) -> Index {
        var index = self
        index.definition = definition
        index.constraintDefinition = constraintDefinition
        return index
    }

    /// Whether it is valid, ready and live; a unique index that is not enforces nothing.
    package var isUsable: Bool { isValid && isReady && isLive }

    /// Whether it has the same constraint as another index, or like it none.
    package func hasSameConstraint(as other: Index) -> Bool {
        constraintName == other.constraintName && constraintType == other.constraintType
            && constraintDefinition == other.constraintDefinition
    }

    /// Whether it identifies a row, given that its columns are NOT NULL.
    package var identifiesRows: Bool {
        isUnique && isImmediate && isUsable && !isPartial && !hasExpressions && accessMethod == "btree"
    }
}

/// A constraint as described by the catalog.
package struct Constraint: Sendable, Hashable, Codable {
    /// `pg_constraint.contype`, of the constraints that belong to tables and are read.
    package enum Kind: String, Sendable, Hashable, Codable {
        case primaryKey = "p"
        case unique = "u"
        case exclusion = "x"
        case foreignKey = "f"
        case check = "c"

        /// The name that reports use.
        package var name: String {
            switch self {
            case .primaryKey: "primary key"
            case .unique: "unique constraint"
            case .exclusion: "exclusion constraint"
            case .foreignKey: "foreign key"
            case .check: "check constraint"
            }
        }
    }

    package let oid: UInt32
    package let tableOid: UInt32
    package let schema: ServerText
    package let tableName: ServerText
    package let name: ServerText
    package let kind: Kind
    package private(set) var definition: ServerText
    package let isValidated: Bool
    package let isEnforced: Bool
    package let isDeferrable: Bool
    package let isDeferred: Bool
    package let isNoInherit: Bool
    package let isLocal: Bool
    package let parentOid: UInt32?
    package let tableKind: Table.Kind
    /// Whether it is a CHECK with a function that may read tables; nil in archives of older versions.
    package let mayReadTables: Bool?
    package let comment: ServerText?
    package let referencedSchema: ServerText?
    package let referencedTable: ServerText?

    package var tableQualifiedName: QualifiedName { QualifiedName(schema: schema, name: tableName) }

    /// Its definition without NOT VALID.
    package var demand: ServerText { definition.withoutSuffix(" NOT VALID") }

    /// The same constraint with its names quoted for all servers.
    package var quotedForAllServers: Constraint { worded(as: definition.quotedForAllServers) }

    /// The same constraint with the definition as another server prints it.
    package func worded(as definition: ServerText) -> Constraint {
        var constraint = self
        constraint.definition = definition
        return constraint
    }

    package var referenced: QualifiedName? {
        guard let referencedSchema, let referencedTable else { return nil }
        return QualifiedName(schema: referencedSchema, name: referencedTable)
    }
}
