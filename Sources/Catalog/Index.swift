package import Postgres

/// An index as the catalog describes it, with the constraint it enforces.
package struct Index: Sendable, Hashable, Codable {
    package struct StatisticsTarget: Sendable, Hashable, Codable {
        package let column: Int
        package let target: Int
    }

    package let oid: UInt32
    package let tableOid: UInt32
    package let schema: ServerText
    package let tableName: ServerText
    package let name: ServerText
    /// `i` an index, `I` the index of a partitioned table.
    package let kind: String
    /// `r` a table, `p` a partitioned one, `m` a materialized view.
    package let tableKind: String
    /// `pg_get_indexdef`, everything schema-qualified.
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
    /// What it is made of beside columns, with commas in between.
    package private(set) var expressions: ServerText?
    package private(set) var predicate: ServerText?
    /// nil: the database's default.
    package private(set) var tablespace: ServerText?
    package let bytes: Int
    /// The key columns in order; nil stands for an expression.
    package let keyColumns: [ServerText?]?
    /// The partitioned table's index this one is attached to.
    package let parentOid: UInt32?
    package let statisticsTargets: [StatisticsTarget]?
    /// Extensions it is dropped with (ALTER INDEX … DEPENDS ON EXTENSION); nil: none.
    package let dependentOnExtensions: [ServerText]?
    package let constraintName: ServerText?
    /// `p` primary key, `u` unique, `x` exclusion.
    package let constraintType: String?
    package private(set) var constraintDefinition: ServerText?
    package let isDeferrable: Bool
    package let isDeferred: Bool

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    package var tableQualifiedName: QualifiedName { QualifiedName(schema: schema, name: tableName) }
    package var isPartitioned: Bool { kind == "I" }
    package var isOfMaterializedView: Bool { tableKind == "m" }

    /// The same index, to be built wherever the target's default is.
    package var withoutTablespace: Index {
        var index = self
        index.tablespace = nil
        return index
    }

    /// The same index, in words every server would choose.
    package var quotedForAllServers: Index {
        var index = self
        index.definition = definition.quotedForAllServers
        index.expressions = expressions?.quotedForAllServers
        index.predicate = predicate?.quotedForAllServers
        index.constraintDefinition = constraintDefinition?.quotedForAllServers
        return index
    }

    /// The same index in other words.
    ///
    /// - Parameters:
    ///   - definition: What another server calls it.
    ///   - constraintDefinition: What it calls its constraint.
    /// - Returns: The index.
    package func told(as definition: ServerText, constraint constraintDefinition: ServerText?) -> Index {
        var index = self
        index.definition = definition
        index.constraintDefinition = constraintDefinition
        return index
    }

    /// Present is not enough: a unique index that is not valid, ready and live enforces nothing.
    package var isUsable: Bool { isValid && isReady && isLive }

    /// Whether it stands behind the same constraint, or none, as another one.
    package func hasSameConstraint(as other: Index) -> Bool {
        constraintName == other.constraintName && constraintType == other.constraintType
            && constraintDefinition == other.constraintDefinition
    }

    /// Whether it identifies a row, given that its columns are NOT NULL.
    package var identifiesRows: Bool {
        isUnique && isImmediate && isUsable && !isPartial && !hasExpressions && accessMethod == "btree"
    }
}

/// A constraint as the catalog describes it.
package struct Constraint: Sendable, Hashable, Codable {
    package let oid: UInt32
    package let tableOid: UInt32
    package let schema: ServerText
    package let tableName: ServerText
    package let name: ServerText
    /// `p` primary key, `u` unique, `x` exclusion, `f` foreign key, `c` check.
    package let kind: String
    package private(set) var definition: ServerText
    package let isValidated: Bool
    package let isEnforced: Bool
    package let isDeferrable: Bool
    package let isDeferred: Bool
    package let isNoInherit: Bool
    package let isLocal: Bool
    package let parentOid: UInt32?
    package let tableKind: String
    /// Whether it is a CHECK with a function that may read tables; nil in what older versions have written to an archive.
    package let mayReadTables: Bool?
    package let comment: ServerText?
    package let referencedSchema: ServerText?
    package let referencedTable: ServerText?

    package var tableQualifiedName: QualifiedName { QualifiedName(schema: schema, name: tableName) }

    /// What it demands, without whether the rows that are there were looked at.
    package var demand: ServerText { definition.withoutSuffix(" NOT VALID") }

    /// The same constraint, in words every server would choose.
    package var quotedForAllServers: Constraint { told(as: definition.quotedForAllServers) }

    /// The same constraint in other words.
    package func told(as definition: ServerText) -> Constraint {
        var constraint = self
        constraint.definition = definition
        return constraint
    }

    package var referenced: QualifiedName? {
        guard let referencedSchema, let referencedTable else { return nil }
        return QualifiedName(schema: referencedSchema, name: referencedTable)
    }
}
