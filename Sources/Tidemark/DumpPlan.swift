import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Synchronization

/// A table as it is to be dumped.
struct PlannedTable: Sendable {
    let plan: TablePlan
    let definition: Table
    let relation: RelationEntry
    /// Its chunks in the generation before, in the order of the ranges; none where it is written anew.
    let previous: [ArchivedChunk]

    /// What its chunks rest on: of another basis they are others.
    var basis: String {
        let key = plan.key.map { key in
            key.parts.map { "\($0.name.string) \($0.type.string) \($0.comparison)" }.joined(separator: ",")
        }
        return [
            definition.columnsDigest, definition.partitionsDigest ?? "", plan.treatment.rawValue, key ?? "",
            plan.filter ?? "",
        ].joined(separator: "|")
    }

    /// Whether one snapshot must serve all its chunks.
    var isSettled: Bool { plan.hasOtherUniqueKeys && plan.ranges.count > 1 }
}

/// Decides what of each table a generation holds: what has changed, or, where nothing can be built upon, all of it.
struct DumpPlan {
    let catalog: DatabaseCatalog
    let options: PlanOptions
    let previous: Manifest?
    /// How fingerprints of values are made now.
    let hash: Manifest.Hash

    private func plan() throws -> Plan {
        let there = Set(catalog.tables.map(\.qualifiedName))
        let kept = (previous?.tables ?? []).filter { there.contains($0.qualifiedName) }
        func values<Value>(_ value: (ArchivedTable) -> Value?) -> [QualifiedName: Value] {
            Dictionary(
                kept.compactMap { table in value(table).map { (table.qualifiedName, $0) } },
                uniquingKeysWith: { first, _ in first }
            )
        }
        let settled = SettledTables(
            treatments: values(\.treatment),
            filters: values(\.rowFilter),
            keys: values(\.key)
        )
        return try Planner(source: catalog, target: nil, options: options, settled: settled).plan()
    }

    /// - Parameter source: A connection to the source, to find out where to cut tables that are written anew.
    /// - Returns: All tables, the largest first, and what the operator should know.
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
        let cut = Dictionary(fresh.tables.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
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

    /// nil where nothing can be built upon: another table, other columns, another key.
    private func chunks(of plan: TablePlan, _ definition: Table) -> [ArchivedChunk]? {
        guard let before = previous?.table(plan.name), !before.chunks.isEmpty, before.oid == definition.oid,
            before.meansTheSame(under: definition),
            before.key?.parts == plan.key?.parts, before.rowFilter == plan.filter, before.treatment == plan.treatment,
            plan.treatment.bringsRows,
            // Fingerprints of values another server made, or another version of it, could be compared with nothing.
            previous?.hash == hash || before.chunks.allSatisfy({ $0.fingerprintOf == .line })
        else { return nil }
        return before.chunks
    }
}

/// The chunks of a dump: which are to be read, and what has become of them.
final class DumpWork: Sendable {
    struct Item: Sendable {
        let tableIndex: Int
        let chunkIndex: Int
        let table: PlannedTable
        let range: KeyRange
        let isImmutable: Bool
        let previous: ArchivedChunk?
    }

    /// Chunks that workers take one after the other.
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
    /// How many chunks are on disk since an earlier call.
    let resumed: Int

    var count: Int { items.count }

    init(_ tables: [PlannedTable], done: [GenerationWriter.Line]) {
        var finished: [Int: [Int: ArchivedChunk]] = [:]
        var items: [Item] = []
        let lines = Dictionary(grouping: done, by: \.archivedChunk.range)
        for (tableIndex, table) in tables.enumerated() where table.plan.treatment.bringsRows {
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

    /// The chunks of some tables; the first tables' are taken first.
    func queue(_ isWanted: (PlannedTable) -> Bool) -> Queue {
        let wanted = Array(items.filter { isWanted($0.table) }.reversed())
        return Queue(count: wanted.count, items: Box(wanted), work: self)
    }

    /// By the tables' positions, in the order of the ranges.
    var chunks: [Int: [ArchivedChunk]] {
        finished.withLock { finished in
            finished.mapValues { chunks in chunks.sorted { $0.key < $1.key }.map(\.value) }
        }
    }
}
