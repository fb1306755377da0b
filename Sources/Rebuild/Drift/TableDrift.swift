package import Catalog
package import Ledger
package import Planning
package import Postgres

/// What has become of the source's tables since the ledger was written.
///
/// Pure.
///
/// A table is known by its object id, a column by its number: names may be swapped. What leaves no trace in `xmin` is
/// found here: a column with a constant default, a type changed without a rewrite, a partition attached with old rows,
/// two tables or two columns renamed into each other.
package struct TableDrift: Sendable {
    /// A known table that is otherwise than it was.
    package struct Change: Sendable {
        package let relation: RelationEntry
        package let later: Table
        /// What is otherwise, for people.
        package let differences: [String]
        /// Why no row of it that the target has can be trusted; nil where all can.
        package let reasonToCopyAgain: String?

        package var isRenamed: Bool { relation.name != later.qualifiedName }
        package var isAlteration: Bool { !differences.isEmpty }
    }

    /// Tables the source has no more.
    package let gone: [RelationEntry]
    package let changes: [Change]
    /// Tables the ledger does not know.
    package let added: [Table]

    package var isEmpty: Bool { gone.isEmpty && changes.isEmpty && added.isEmpty }

    /// Compares.
    ///
    /// - Parameters:
    ///   - relations: The tables as the ledger knows them.
    ///   - source: What the source contains now.
    ///   - plan: How the source's tables would be treated if the run began now.
    ///   - fileNodes: For each relation, the file nodes its chunks were read from.
    ///   - altered: Object ids of tables whose definitions `pg_dump` tells otherwise than before.
    ///   - copiedAgain: Why all rows of a table are brought anew whatever has become of it, by its object id.
    package init(
        relations: [RelationEntry],
        source: DatabaseCatalog,
        plan: Plan,
        fileNodes: [Int: Set<UInt32>],
        altered: Set<UInt32>,
        copiedAgain: [UInt32: String] = [:]
    ) {
        let tables = Dictionary(source.tables.map { ($0.oid, $0) }, uniquingKeysWith: { first, _ in first })
        let plans = Dictionary(plan.tables.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let known = Dictionary(relations.map { ($0.definition.oid, $0) }, uniquingKeysWith: { first, _ in first })
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
                    later,
                    plans[later.qualifiedName],
                    fileNodes[relation.relationId] ?? [],
                    partitions
                )
            }
            let isRenamed = relation.name != later.qualifiedName
            guard isRenamed || !differences.isEmpty || again != nil else { return nil }
            return Change(relation: relation, later: later, differences: differences, reasonToCopyAgain: again)
        }
    }

    // MARK: What is otherwise

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

    /// What decides over how its delta is brought.
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
        _ later: Table,
        _ plan: TablePlan?,
        _ fileNodes: Set<UInt32>,
        _ partitions: PartitionTree
    ) -> String? {
        if let reason = changedKey(relation, later, plan) { return reason }
        // It has no file of its own to tell, and an attached partition brings rows that were written long ago.
        if later.isPartitioned, !relation.definition.isLaidOut(as: later) {
            return "it is copied through its root, and its columns or partitions changed"
        }
        guard haveContentsChanged(relation.definition, later) else { return nil }
        // With the same file, rows written before have what the catalog says is missing in them, and nothing else.
        if fileNodes.contains(where: { $0 != later.fileNode }) {
            return "its file was rewritten since it was copied, and its columns changed"
        }
        return missesOtherValues(later, than: relation.definition, partitions)
    }

    private static func changedKey(_ relation: RelationEntry, _ later: Table, _ plan: TablePlan?) -> String? {
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

    /// A column added to a partitioned table is added on the target with one value for all partitions.
    private static func missesOtherValues(_ later: Table, than earlier: Table, _ partitions: PartitionTree) -> String? {
        guard let root = partitions.ancestors(of: later).last else { return nil }
        for column in later.columns where earlier.column(numbered: column.number) == nil {
            guard column.missingValue != Self.missingValue(of: column.name, in: root, partitions) else { continue }
            return
                "its rows have a different value in the new column \"\(column.name.visible)\" than other partitions' rows"
        }
        return nil
    }

    /// What rows of any partition have in a new column; a partitioned table keeps none itself.
    package static func missingValue(of column: ServerText, in root: Table, _ partitions: PartitionTree) -> ServerText?
    {
        guard root.isPartitioned else { return root.column(column)?.missingValue }
        return partitions.leaves(of: root).lazy.compactMap { $0.column(column)?.missingValue }.first
    }
}
