package import Catalog
package import Planning
package import Postgres

/// The run as the ledger has it.
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

    /// What the run's sessions are called, so that leftovers of a killed client are found.
    package var sessionPrefix: String { "tidemark \(runId.prefix(8))" }

    /// Refuses to judge the target by another cluster than the one it was filled from.
    ///
    /// - Parameter source: The database that is given as the source.
    /// - Throws: ``LedgerError``; not where a system identifier is not known.
    package func refuseOtherSystem(_ source: DatabaseIdentity) throws {
        guard let ours = self.source.systemIdentifier, let theirs = source.systemIdentifier, ours != theirs else {
            return
        }
        throw LedgerError(
            .otherSource,
            "the target was filled from the server with the system identifier \(ours), and this is the one with \(theirs)",
            hint: "check --source; " + DatabaseIdentity.otherSystemHint
        )
    }
}

/// A table as the ledger has it.
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

    /// A table that no ledger holds: of an archive.
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
    /// As FROM and DELETE take it.
    package var rows: SQL { definition.isPartitioned ? "\(name)" : "ONLY \(name)" }
    /// The columns COPY carries, by name: their order may differ on the two sides.
    package var columns: [Identifier] { definition.copiedColumns.map(\.identifier) }
}

/// A chunk as the ledger has it.
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

    /// The same when more of its statements are done.
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
    /// The table it is a chunk of.
    ///
    /// - Parameter relations: The ledger's tables, by their numbers.
    /// - Returns: The table.
    /// - Throws: ``LedgerError`` where there is none.
    package func relation(among relations: [Int: RelationEntry]) throws -> RelationEntry {
        guard let relation = relations[relationId] else {
            throw LedgerError(
                .missing,
                "the ledger has a chunk of a table it does not know",
                hint: "somebody has written to the schema tidemark; begin again with an empty target"
            )
        }
        return relation
    }
}

/// The order in which objects come into being; a stage begins when the ones before it are done.
package enum RebuildStage: Int, Sendable, Codable, CaseIterable, Comparable {
    /// What identifies a table's rows: the delta is applied by it.
    case key = 1
    /// The other indexes, unique and exclusion constraints.
    case index = 2
    /// Indexes of partitioned tables, and the partitions' attached to them.
    case partitionedIndex = 3
    /// NOT NULL and CHECK that came after the tables' definitions were brought: only complete rows need fulfil them.
    case rowConstraint = 4
    /// Foreign keys, not validated yet.
    case foreignKey = 5
    /// Validation of foreign keys.
    case validation = 6
    /// Validation of partitions' foreign keys: their parents' take over only what is validated.
    case partitionValidation = 7
    /// Foreign keys of partitioned tables, which take over those of their partitions.
    case partitionedForeignKey = 8
    /// Indexes of materialized views: a view may only come into being after the keys.
    case viewIndex = 9

    package var isOfIndex: Bool { self < .rowConstraint || self == .viewIndex }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// An object to be entered into the ledger.
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
