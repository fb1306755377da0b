package import Catalog
package import Planning
package import Postgres

/// The run as recorded in the ledger.
package struct RunEntry: Sendable, Codable {
    package let runId: String
    package let epoch: Int
    package let toolVersion: String
    package let step: RunStep
    package let pass: Int
    package let isPassOpen: Bool
    package let source: DatabaseIdentity
    package let omissions: Set<Omission>
    package let cutoverSnapshot: Snapshot?
    /// The archive the rows come from; nil: from the source itself.
    package let archive: String?

    /// The beginning of the run's `application_name`s, by which sessions of a killed client are found.
    package var sessionPrefix: String { "tidemark \(runId.prefix(8))" }

    /// Refuses a source on a different cluster than the one the target was filled from.
    ///
    /// - Parameter source: The database given as the source.
    /// - Throws: ``LedgerError``; never if one of the system identifiers is unknown.
    package func refuseOtherSystem(_ source: DatabaseIdentity) throws {
        guard let ours = self.source.systemIdentifier, let theirs = source.systemIdentifier, ours != theirs else {
            return
        }
        throw LedgerError(
            .otherSource,
            "the target was filled from the server with system identifier \(ours), but the source's is \(theirs)",
            hint: "check --source; " + DatabaseIdentity.otherSystemHint
        )
    }
}

/// A table as recorded in the ledger.
package struct RelationEntry: Sendable, Codable {
    package let relationId: Int
    package let schemaName: ServerText
    package let tableName: ServerText
    package let definition: Table
    package let treatment: Treatment
    package let key: Key?
    package let format: CopyFormat
    package let hasOtherUniqueKeys: Bool
    package let tableBytes: Int
    package let rowFilter: String?

    /// Creates an entry for a table of an archive, which is not in a ledger.
    package init(_ plan: TablePlan, _ definition: Table) {
        relationId = 0
        schemaName = plan.name.schema
        tableName = plan.name.name
        self.definition = definition
        treatment = plan.treatment
        key = plan.key
        format = .text
        hasOtherUniqueKeys = plan.hasOtherUniqueKeys
        tableBytes = plan.tableBytes
        rowFilter = plan.filter
    }

    package var name: QualifiedName { QualifiedName(schema: schemaName, name: tableName) }
    /// The table as FROM and DELETE take it.
    package var rows: SQL { definition.isPartitioned ? "\(name)" : "ONLY \(name)" }
    /// The columns that COPY transfers, by name, because their order may differ on the two sides.
    package var columns: [Identifier] { definition.copiedColumns.map(\.identifier) }
}

/// A chunk as recorded in the ledger.
package struct ChunkEntry: Sendable, Codable {
    package let relationId: Int
    package let chunkNumber: Int
    package let range: KeyRange
    package let isImmutable: Bool
    package let isAdopted: Bool
    package let mark: Mark?
    package let pass: Int
    package let rows: Int
    package let bytes: Int
    package let shedSnapshot: String?
    package let writtenRows: Int?
    package let proof: ChunkProof?
}

/// A key, index or constraint to rebuild.
package struct ObjectEntry: Sendable, Codable {
    package let objectId: Int
    package let stage: RebuildStage
    package let kind: String
    package let schemaName: ServerText
    package let tableName: ServerText
    package let objectName: ServerText
    package let statements: [ServerText]
    package let stepsDone: Int
    package let bytes: Int

    package var table: QualifiedName { QualifiedName(schema: schemaName, name: tableName) }

    package var description: String { "\(kind) \(Identifier(objectName).quoted) on \(table)" }

    /// The same object with more of its statements done.
    package func after(_ steps: Int) -> ObjectEntry {
        ObjectEntry(
            objectId: objectId,
            stage: stage,
            kind: kind,
            schemaName: schemaName,
            tableName: tableName,
            objectName: objectName,
            statements: statements,
            stepsDone: stepsDone + steps,
            bytes: bytes
        )
    }
}

extension ChunkEntry {
    /// The chunk's table.
    ///
    /// - Parameter relations: The ledger's tables, by their numbers.
    /// - Returns: The table.
    /// - Throws: ``LedgerError`` if it is not among them.
    package func relation(among relations: [Int: RelationEntry]) throws -> RelationEntry {
        guard let relation = relations[relationId] else {
            throw LedgerError(
                .missing,
                "the ledger contains a chunk of an unknown table",
                hint: "the schema tidemark was modified; start over with an empty target"
            )
        }
        return relation
    }
}

/// The order in which objects are created; a stage begins when the stages before it are done.
package enum RebuildStage: Int, Sendable, Codable, CaseIterable, Comparable {
    /// Keys that identify a table's rows; deltas need them.
    case key = 1
    /// Other indexes, unique and exclusion constraints.
    case index = 2
    /// Indexes of partitioned tables, with the partitions' indexes attached to them.
    case partitionedIndex = 3
    /// NOT NULL and CHECK constraints added after the tables were created; only complete rows have to satisfy them.
    case rowConstraint = 4
    /// Foreign keys, not validated yet.
    case foreignKey = 5
    /// Validation of foreign keys.
    case validation = 6
    /// Validation of partitions' foreign keys, which a parent's foreign key can take over only when validated.
    case partitionValidation = 7
    /// Foreign keys of partitioned tables, which take over those of their partitions.
    case partitionedForeignKey = 8
    /// Indexes of materialized views; some views can only be created after the keys.
    case viewIndex = 9

    package var isOfIndex: Bool { self < .rowConstraint || self == .viewIndex }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// An object to enter into the ledger.
package struct NewObject: Sendable, Hashable {
    package let table: QualifiedName
    package let stage: RebuildStage
    package let kind: String
    package let name: ServerText
    package let statements: [SQL]
    package let bytes: Int

    package init(
        table: QualifiedName,
        stage: RebuildStage,
        kind: String,
        name: ServerText,
        statements: [SQL],
        bytes: Int
    ) {
        self.table = table
        self.stage = stage
        self.kind = kind
        self.name = name
        self.statements = statements
        self.bytes = bytes
    }
}
