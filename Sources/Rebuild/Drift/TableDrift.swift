package import Catalog
package import Ledger
package import Planning
package import Postgres

/// The changes of the source's tables since the ledger was written.
///
/// Pure.
///
/// A table is identified by its oid and a column by its number, because names may be swapped. This finds changes that
/// leave no trace in `xmin`: a new column with a constant default, a type changed without a rewrite, a partition
/// attached with old rows, tables or columns that swapped names.
package struct TableDrift: Sendable {
    /// A known table that has changed.
    package struct Change: Sendable {
        package let relation: RelationEntry
        package let later: Table
        /// What has changed, for the operator.
        package let differences: [String]
        /// Why the target's rows of it cannot be trusted; nil if they can.
        package let reasonToCopyAgain: String?

        package var isRenamed: Bool { relation.name != later.qualifiedName }
        package var isAlteration: Bool { !differences.isEmpty }
    }

    /// Tables that the source no longer has.
    package let gone: [RelationEntry]
    package let changes: [Change]
    /// Tables that are not in the ledger.
    package let added: [Table]

    package var isEmpty: Bool { gone.isEmpty && changes.isEmpty && added.isEmpty }

    /// Compares the ledger's tables with the source's.
    ///
    /// - Parameters:
    ///   - relations: The tables in the ledger.
    ///   - source: What the source contains now.
    ///   - plan: How the source's tables would be treated if the run began now.
    ///   - fileNodes: For each relation, the file nodes its chunks were read from.
    ///   - altered: Oids of tables for which `pg_dump` prints another definition than before.
    ///   - copiedAgain: By oid, why all rows of a table are copied again in any case.
    package init(
        relations: [RelationEntry],
        source: DatabaseCatalog,
        plan: Plan,
        fileNodes: [Int: Set<UInt32>],
        altered: Set<UInt32>,
        copiedAgain: [UInt32: String] = [:]
    ) {
        let tables = Dictionary(keepingFirst: source.tables.map { ($0.oid, $0) })
        let plans = Dictionary(keepingFirst: plan.tables.map { ($0.name, $0) })
        let known = Dictionary(keepingFirst: relations.map { ($0.definition.oid, $0) })
        let partitions = source.partitions
        gone = relations.filter { tables[$0.definition.oid] == nil }
        added = source.tables.filter { known[$0.oid] == nil }
        changes = relations.compactMap { relation in
            guard let later = tables[relation.definition.oid] else { return nil }
            var differences = Self.differences(relation.definition, later)
            if differences.isEmpty, altered.contains(later.oid) {
                differences = ["its constraints or settings changed"]
            }
            if relation.treatment.isCopiedAhead, let plan = plans[later.qualifiedName] {
                differences += Self.differences(relation, plan)
            }
            var again = copiedAgain[later.oid]
            if again == nil, relation.treatment.isCopiedAhead {
                again = Self.reasonToCopyAgain(
                    relation,
                    as: later,
                    plan: plans[later.qualifiedName],
                    fileNodes: fileNodes[relation.relationId] ?? [],
                    partitions: partitions
                )
            }
            let isRenamed = relation.name != later.qualifiedName
            guard isRenamed || !differences.isEmpty || again != nil else { return nil }
            return Change(relation: relation, later: later, differences: differences, reasonToCopyAgain: again)
        }
    }

    // MARK: Differences

    private static func differences(_ earlier: Table, _ later: Table) -> [String] {
        var differences: [String] = []
        if earlier.persistence != later.persistence { differences.append("it was changed between LOGGED and UNLOGGED") }
        if earlier.parentOid != later.parentOid {
            differences.append(later.parentOid == nil ? "it was detached" : "it was attached as a partition")
        } else if earlier.partitionBound != later.partitionBound {
            differences.append("its partition bound changed")
        }
        if earlier.inheritedTables != later.inheritedTables {
            differences.append("the tables it inherits from changed")
        }
        for column in earlier.columns where later.column(numbered: column.number) == nil {
            differences.append("column \"\(column.name.visible)\" was dropped")
        }
        for column in later.columns {
            guard let before = earlier.column(numbered: column.number) else {
                differences.append("column \"\(column.name.visible)\" is new")
                continue
            }
            differences += Self.differences(before, column)
        }
        return differences
    }

    private static func differences(_ before: Column, _ column: Column) -> [String] {
        var differences: [String] = []
        let name = "column \"\(column.name.visible)\""
        if before.name != column.name {
            differences.append("column \"\(before.name.visible)\" was renamed to \"\(column.name.visible)\"")
        }
        if before.type != column.type {
            differences.append("\(name) changed its type from \(before.type.visible) to \(column.type.visible)")
        }
        if before.collation != column.collation { differences.append("\(name) has a different collation") }
        if before.isNotNull != column.isNotNull {
            differences.append("\(name) \(column.isNotNull ? "became NOT NULL" : "is no longer NOT NULL")")
        }
        if before.generated != column.generated { differences.append("\(name) is generated differently") }
        if before.identity != column.identity { differences.append("\(name) has a different identity setting") }
        if before.defaultExpression != column.defaultExpression {
            differences.append("\(name) has a different default")
        }
        return differences
    }

    /// Differences that decide how its delta is applied.
    private static func differences(_ relation: RelationEntry, _ plan: TablePlan) -> [String] {
        var differences: [String] = []
        if relation.hasOtherUniqueKeys != plan.hasOtherUniqueKeys {
            differences.append(
                plan.hasOtherUniqueKeys ? "it now has another unique key" : "it no longer has another unique key"
            )
        }
        if let before = relation.key?.indexName, let after = plan.key?.indexName, before != after {
            differences.append("its key now uses index \"\(after.visible)\"")
        }
        return differences
    }

    // MARK: Which rows can be trusted

    private static func reasonToCopyAgain(
        _ relation: RelationEntry,
        as later: Table,
        plan: TablePlan?,
        fileNodes: Set<UInt32>,
        partitions: PartitionTree
    ) -> String? {
        if let reason = changedKey(of: relation, as: later, plan: plan) { return reason }
        // It has no file of its own to compare, and an attached partition adds rows that were written long ago.
        if later.isPartitioned, !relation.definition.isLaidOut(as: later) {
            return "it is copied through its root, and its columns or partitions changed"
        }
        guard haveContentsChanged(relation.definition, later) else { return nil }
        // With the same file, older rows have exactly the catalog's missing value in the new columns.
        if fileNodes.contains(where: { $0 != later.fileNode }) {
            return "its file was rewritten since it was copied, and its columns changed"
        }
        return missesOtherValues(later, than: relation.definition, partitions)
    }

    private static func changedKey(of relation: RelationEntry, as later: Table, plan: TablePlan?) -> String? {
        guard let key = relation.key?.renamed(from: relation.definition, to: later) else { return nil }
        guard plan?.key?.parts != key.parts else { return nil }
        return "another key identifies its rows"
    }

    private static func haveContentsChanged(_ earlier: Table, _ later: Table) -> Bool {
        later.columns.contains { column in
            guard let before = earlier.column(numbered: column.number) else { return true }
            return before.type != column.type || before.collation != column.collation
                || before.generated != column.generated
        }
    }

    /// Returns a reason if a new column has different values in existing rows of different partitions, because the
    /// target adds the column with one value for all of them.
    private static func missesOtherValues(_ later: Table, than earlier: Table, _ partitions: PartitionTree) -> String? {
        guard let root = partitions.ancestors(of: later).last else { return nil }
        for column in later.columns where earlier.column(numbered: column.number) == nil {
            guard column.missingValue != Self.missingValue(of: column.name, in: root, partitions) else { continue }
            return
                "its rows have a different value in the new column \"\(column.name.visible)\" than other partitions' rows"
        }
        return nil
    }

    /// Returns the value of existing rows in a new column; for a partitioned table, the value in its partitions.
    package static func missingValue(of column: ServerText, in root: Table, _ partitions: PartitionTree) -> ServerText?
    {
        guard root.isPartitioned else { return root.column(column)?.missingValue }
        return partitions.leaves(of: root).lazy.compactMap { $0.column(column)?.missingValue }.first
    }
}
