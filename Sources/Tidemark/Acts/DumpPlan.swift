import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Synchronization

/// A table to dump.
struct PlannedTable: Sendable {
    let plan: TablePlan
    let definition: Table
    let relation: RelationEntry
    /// Its chunks in the previous generation, in the order of the ranges; empty if all of it is written again.
    let previous: [ArchivedChunk]

    /// What its chunks depend on; chunks with a different basis cannot be reused.
    var basis: String {
        let key = plan.key.map { key in
            key.parts.map { "\($0.name.string) \($0.type.string) \($0.comparison)" }.joined(separator: ",")
        }
        return [
            definition.columnsDigest, definition.partitionsDigest ?? "", plan.treatment.rawValue, key ?? "",
            plan.filter ?? "",
        ].joined(separator: "|")
    }

    /// Whether all its chunks must be read in one snapshot.
    var isSettled: Bool { plan.hasOtherUniqueKeys && plan.ranges.count > 1 }
}

/// Decides what a generation contains of each table: the changes, or all of it if there is no usable previous one.
struct DumpPlan {
    let catalog: DatabaseCatalog
    let options: PlanOptions
    let previous: Manifest?
    /// How fingerprints are computed in this dump.
    let hash: Manifest.Hash

    private func plan() throws -> Plan {
        let there = Set(catalog.tables.map(\.qualifiedName))
        let kept = (previous?.tables ?? []).filter { there.contains($0.qualifiedName) }
        func values<Value>(_ value: (ArchivedTable) -> Value?) -> [QualifiedName: Value] {
            Dictionary(keepingFirst: kept.compactMap { table in value(table).map { (table.qualifiedName, $0) } })
        }
        let settled = SettledTables(
            treatments: values(\.treatment),
            filters: values(\.rowFilter),
            keys: values(\.key)
        )
        return try Planner(source: catalog, target: nil, options: options, settled: settled).plan()
    }

    /// Plans all tables.
    ///
    /// - Parameter source: A connection to the source, used to find where to cut tables that are written again.
    /// - Returns: All tables, the largest first, and the warnings for the operator.
    /// - Throws: ``PlanError``, ``PostgresError``.
    func tables(on source: Connection) throws -> (tables: [PlannedTable], warnings: [String]) {
        var plan = try plan()
        try RowFilter.refuseUnfit(plan, on: source)
        var kept: [QualifiedName: [ArchivedChunk]] = [:]
        for index in plan.tables.indices {
            let table = plan.tables[index]
            guard let definition = catalog.table(table.name), let chunks = chunks(of: table, definition) else {
                continue
            }
            kept[table.name] = chunks
            plan.tables[index].ranges = chunks.map(\.range)
            plan.tables[index].immutableRanges = chunks.prefix(while: \.isImmutable).count
        }
        let fresh = try KeyDistribution(source).cut(
            Plan(tables: plan.tables.filter { kept[$0.name] == nil }, warnings: [])
        )
        let cut = Dictionary(keepingFirst: fresh.tables.map { ($0.name, $0) })
        let tables = plan.tables.compactMap { table -> PlannedTable? in
            guard let definition = catalog.table(table.name) else { return nil }
            let plan = cut[table.name] ?? table
            return PlannedTable(
                plan: plan,
                definition: definition,
                relation: RelationEntry(plan, definition),
                previous: kept[table.name] ?? []
            )
        }
        return (tables, plan.warnings)
    }

    /// Returns the previous chunks, or nil if they cannot be reused: another table, other columns, another key.
    private func chunks(of plan: TablePlan, _ definition: Table) -> [ArchivedChunk]? {
        guard let before = previous?.table(plan.name), !before.chunks.isEmpty, before.oid == definition.oid,
            before.meansTheSame(under: definition),
            before.key?.parts == plan.key?.parts, before.rowFilter == plan.filter, before.treatment == plan.treatment,
            plan.treatment.copiesRows,
            // Fingerprints of values computed by another server, or another version, cannot be compared.
            previous?.hash == hash || before.chunks.allSatisfy({ $0.fingerprintOf == .line })
        else { return nil }
        return before.chunks
    }
}

/// The chunks of a dump: those still to read, and those already written.
final class DumpWork: Sendable {
    struct Item: Sendable {
        let tableIndex: Int
        let chunkIndex: Int
        let table: PlannedTable
        let range: KeyRange
        let isImmutable: Bool
        let previous: ArchivedChunk?
    }

    /// Chunks that workers take one after another.
    struct Queue: Sendable {
        let count: Int
        fileprivate let items: Box
        fileprivate let work: DumpWork

        func next() -> Item? { items.items.withLock { $0.popLast() } }

        func finish(_ item: Item, _ chunk: ArchivedChunk) {
            work.finished.withLock { $0[item.tableIndex, default: [:]][item.chunkIndex] = chunk }
        }
    }

    fileprivate final class Box: Sendable {
        let items: Mutex<[Item]>
        init(_ items: [Item]) { self.items = Mutex(items) }
    }

    private let items: [Item]
    private let finished: Mutex<[Int: [Int: ArchivedChunk]]>
    /// How many chunks an earlier call left on disk.
    let resumed: Int

    var count: Int { items.count }

    init(_ tables: [PlannedTable], done: [GenerationWriter.Line]) {
        var finished: [Int: [Int: ArchivedChunk]] = [:]
        var items: [Item] = []
        let lines = Dictionary(grouping: done, by: \.archivedChunk.range)
        for (tableIndex, table) in tables.enumerated() where table.plan.treatment.copiesRows {
            for (chunkIndex, range) in table.plan.ranges.enumerated() {
                let definition = table.definition
                let onDisk = lines[range]?.last {
                    $0.isOf(table.plan.name, oid: definition.oid, basis: table.basis)
                }
                if let onDisk, !table.isSettled {
                    finished[tableIndex, default: [:]][chunkIndex] = onDisk.archivedChunk
                    continue
                }
                items.append(
                    Item(
                        tableIndex: tableIndex,
                        chunkIndex: chunkIndex,
                        table: table,
                        range: range,
                        isImmutable: chunkIndex < table.plan.immutableRanges,
                        previous: table.previous.isEmpty ? nil : table.previous[chunkIndex]
                    )
                )
            }
        }
        self.items = items
        resumed = finished.values.reduce(0) { $0 + $1.count }
        self.finished = Mutex(finished)
    }

    /// Returns the chunks of some tables, those of the first tables first.
    func queue(_ isWanted: (PlannedTable) -> Bool) -> Queue {
        let wanted = Array(items.filter { isWanted($0.table) }.reversed())
        return Queue(count: wanted.count, items: Box(wanted), work: self)
    }

    /// The written chunks by the position of their table, in the order of the ranges.
    var chunks: [Int: [ArchivedChunk]] {
        finished.withLock { finished in
            finished.mapValues { chunks in chunks.sorted { $0.key < $1.key }.map(\.value) }
        }
    }
}
