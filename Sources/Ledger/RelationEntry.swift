package import Catalog
package import Planning
package import Postgres

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
    /// Whether the target's table also has rows of others: only those that pass the filter are the run's.
    package let isShared: Bool

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
        isShared = plan.isShared
    }

    /// The condition that selects the run's rows among those of the target's table.
    package var held: SQL {
        guard isShared, let rowFilter else { return "true" }
        return "(\(SQL(trusted: rowFilter)))"
    }

    /// Whether it is copied with other small tables.
    package var isSmallAndWhole: Bool { treatment.isCopiedWhole && tableBytes <= TablePlan.smallBytes }

    package var name: QualifiedName { QualifiedName(schema: schemaName, name: tableName) }
    /// The table as FROM and DELETE take it.
    package var rows: SQL { definition.isPartitioned ? "\(name)" : "ONLY \(name)" }
    /// The columns that COPY transfers, by name, because their order may differ on the two sides.
    package var columns: [Identifier] { definition.copiedColumns.map(\.identifier) }
}
