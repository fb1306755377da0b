import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Synchronization
import Transfer
import Verification

/// The one transaction of the old source that copies everything back.
///
/// The first lane's target has it open; the other lanes only read.
struct ReturnTransaction {
    private static let lockTimeout: SQL = "'10s'"

    let plan: ReturnPlan
    let lanes: [ThreadConfined<Lane>]
    /// The snapshot of the new database.
    let snapshot: SharedSnapshot
    /// Whether rows are written as a replica writes them; otherwise foreign keys have to be put out of action.
    let actsAsReplica: Bool
    /// What of the large objects is left out.
    let omissions: Set<Omission>
    let recorder: RunRecorder

    /// Copies everything back and commits.
    ///
    /// - Parameter keep: Records how both sides are left, just before the commit.
    /// - Returns: What was compared, and how both sides were left.
    /// - Throws: ``LedgerError``, ``PlanError``, ``PostgresError``; nothing was changed then.
    func run(keeping keep: (ReturnEntry) async throws -> Void) async throws -> (VerificationResult, ReturnEntry) {
        let left = try await recorder.phase(.quiet) {
            let left = try await lanes[0].run { try open($0.target) }
            try await refuseForeignWrites()
            return left
        }
        let probes = try await recorder.phase(.deltaAndWholeTables) { try await copyBackRows() }
        try await recorder.phase(.largeObjects) { try await copyBackLargeObjects() }
        let result = try await recorder.phase(.verifyRows) { try await compare(probes) }
        // No transaction takes a sequence back, so this comes last.
        recorder.warn(try await recorder.phase(.sequences) { try await setSequences() })
        let entry = try await lanes[0].run { lane in
            ReturnEntry(
                transaction: try Self.transaction(lane.target),
                mark: Mark(snapshot.snapshot, of: MarkIdentity(try DatabaseIdentity(of: lane.source))),
                left: left,
                rows: probes.mapValues(\.rows),
                after: plan.before
            )
        }
        try await keep(entry)
        StatusPoint.beforeCommit.reached()
        try await lanes[0].run { try $0.target.commit() }
        StatusPoint.afterCommit.reached()
        return (result, entry)
    }

    // MARK: The old source is as it was left

    /// Opens the transaction and keeps all writers out.
    ///
    /// - Returns: What can be seen then.
    private func open(_ old: Connection) throws -> Snapshot {
        old.holdForOthers()
        try old.begin(.readWrite)
        try old.execute("SET LOCAL lock_timeout = \(Self.lockTimeout)")
        let tables = plan.tables.map(\.relation.rows).joined(separator: ", ")
        do {
            if !plan.tables.isEmpty { try old.execute("LOCK TABLE \(tables) IN SHARE ROW EXCLUSIVE MODE") }
        } catch var error as PostgresError where error.sqlState == "55P03" {
            error.hint = "the old database is still in use: end its sessions, then run the same command again"
            throw error
        }
        return try old.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot").snapshot("snapshot")
    }

    private func refuseForeignWrites() async throws {
        let found = Mutex<[String]>([])
        try await onAll(plan.tables) { table, lane in
            if let writes = try table.foreignWrites(on: lane.target) { found.withLock { $0.append(writes) } }
        }
        if !plan.isShared, !omissions.contains(.largeObjects) {
            let writes = try await lanes[0].run { [snapshot, base = plan.base] lane in
                try lane.reading(in: snapshot) { try LargeObjectReturn.foreignWrites(on: lane, since: base) }
            }
            if writes.objects > 0 { found.withLock { $0.append("\(writes.objects) large object(s)") } }
            if !writes.seesAll {
                recorder.warn([
                    "the old database's role may not read pg_largeobject, so it cannot be seen whether others have written into "
                        + "large objects there since the cutover: those that differ are replaced"
                ])
            }
        }
        let writes = found.withLock { $0.sorted() }
        guard writes.isEmpty else {
            throw LedgerError(
                .targetWritten,
                "the old database was written to since it was left: "
                    + writes.prefix(10).joined(separator: ", "),
                hint:
                    "nothing was changed. Decide which rows are right; if the new database's, all rows have to be compared: "
                    + "tidemark precopy --adopt with the databases exchanged"
            )
        }
    }

    // MARK: Rows

    /// - Returns: What was written to each table, by its number.
    private func copyBackRows() async throws -> [Int: TableReturn.Probe] {
        let found = Mutex<[Int: TableReturn.Probe]>([:])
        try await onAll(plan.tables) { table, lane in
            let probe = try lane.reading(in: snapshot) { try table.probe(on: lane) }
            found.withLock { $0[table.relation.relationId] = probe }
        }
        let probes = found.withLock(\.self)
        let changed = plan.tables.filter { probes[$0.relation.relationId]?.isUnchanged == false }
        try await recorder.showing(chunks: changed.count) {
            try await lanes[0].run { [snapshot, actsAsReplica, progress = recorder.progress] lane in
                let written = changed.map(\.relation.name)
                let suspended = try SuspendedObjects(of: written, on: lane.target, asReplica: actsAsReplica)
                try lane.reading(in: snapshot) {
                    for table in changed {
                        guard let probe = probes[table.relation.relationId] else { continue }
                        try table.copyBack(probe, on: lane, progress)
                    }
                }
                try suspended.restore()
                if actsAsReplica { try TouchedForeignKeys.check(of: written, on: lane.target) }
            }
        }
        return probes
    }

    private func copyBackLargeObjects() async throws {
        guard !omissions.contains(.largeObjects) else { return }
        let attributes = LargeObjectAttributes(in: Scope(excluding: [], omitting: omissions))
        try await lanes[0].run { [snapshot, areShared = plan.isShared, progress = recorder.progress] lane in
            let work = LargeObjectReturn(
                lane: lane,
                attributes: attributes,
                areShared: areShared,
                progress: progress
            )
            try lane.reading(in: snapshot) {
                for range in try LargeObjectRange.all(of: lane.source) { try work.copyBack(range) }
            }
        }
    }

    private func setSequences() async throws -> [String] {
        try await lanes[0].run { [snapshot, isShared = plan.isShared, excluded = plan.excluded] lane in
            try lane.reading(in: snapshot) {
                let sequences = try DatabaseCatalog(inTransactionOf: lane.source).sequences(excluding: excluded)
                let positions = try SequenceSetter.positions(of: sequences.map(\.qualifiedName), on: lane.source)
                // Others have drawn numbers of their own from those of the old source.
                return try SequenceSetter(lane.target).set(sequences, to: positions, onlyForward: isShared)
            }
        }
    }

    // MARK: Proof

    private func compare(_ probes: [Int: TableReturn.Probe]) async throws -> VerificationResult {
        let (tables, snapshot) = (plan.tables, snapshot)
        let (differences, method) = try await lanes[0].run { lane in
            try lane.reading(in: snapshot) {
                let own = ReturnBase.id(UInt64(try Self.transaction(lane.target)))
                let found = try tables.compactMap { table -> String? in
                    guard let probe = probes[table.relation.relationId], !probe.isUnchanged else { return nil }
                    return try table.difference(probe, on: lane, where: "xmin::text = \(literal: own)")
                }
                return (found, try RowHash.common(to: lane.source, and: lane.target).rawValue)
            }
        }
        guard differences.isEmpty else {
            throw PostgresError(
                .unexpectedAnswer,
                "what arrived differs from what was to be copied back: \(differences.joined(separator: ", "))",
                hint: "the old database's rules or types change values; nothing was changed there"
            )
        }
        var result = VerificationResult(method: method)
        let rows = probes.values.reduce(0) { $0 + $1.rows }
        result.examined = [
            .init(kind: "table", source: tables.count, target: tables.count),
            .init(kind: "rows", source: rows, target: rows),
        ]
        let (notCopied, excluded) = (try await notCopied(), plan.excluded)
        result.notProven =
            plan.leftBehind.map { "\($0) exists only on the new database: its rows stayed there" }
            + notCopied.filter { !excluded.contains($0) }.map {
                "\($0) was made on both databases after the cutover: its rows on the new one stayed there"
            }
        recorder.warn(
            notCopied.filter(excluded.contains).map {
                "\($0) was left out of the run: its rows on the new database stayed there"
            }
        )
        return result
    }

    /// The tables that the cutover did not copy and that have rows, or may have some that the role may not read.
    private func notCopied() async throws -> [QualifiedName] {
        // A partition may be copied through the table it is a partition of.
        let copied = plan.tables.map(\.relation).filter(\.definition.isPartitioned).map(\.name.quoted)
        let isCopied: SQL =
            copied.isEmpty
            ? "false"
            : "f.relid IN (\(copied.map { "\(literal: $0)::pg_catalog.regclass" as SQL }.joined(separator: ", ")))"
        return try await lanes[0].run { [snapshot, candidates = plan.notCopied] lane in
            try lane.reading(in: snapshot) {
                try candidates.filter { table in
                    let isReadable = try lane.source.queryOne(
                        """
                        SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS f
                        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = \(literal: table.schema) AND c.relname = \(literal: table.name)
                        """
                    ).boolean("f")
                    guard isReadable else { return true }
                    let row = try lane.source.query(
                        """
                        SELECT FROM ONLY \(table)
                        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(\(literal: table.quoted)::pg_catalog.regclass) AS f(relid)
                                          WHERE \(isCopied)) LIMIT 1
                        """
                    )
                    return !row.isEmpty
                }
            }
        }
    }

    private static func transaction(_ old: Connection) throws -> Int {
        try old.queryOne("SELECT pg_catalog.txid_current() AS id").integer("id")
    }

    /// Works on tables with all lanes until none is left.
    private func onAll(
        _ tables: [TableReturn],
        _ body: @escaping @Sendable (TableReturn, Lane) throws -> Void
    ) async throws {
        let queue = TableQueue(tables)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in lanes {
                group.addTask {
                    try await lane.run { lane in
                        while let table = queue.next() { try body(table, lane) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// Tables that several lanes work on, the largest first.
private final class TableQueue: Sendable {
    private let tables: Mutex<[TableReturn]>

    init(_ tables: [TableReturn]) {
        self.tables = Mutex(tables.sorted { $0.relation.tableBytes < $1.relation.tableBytes })
    }

    func next() -> TableReturn? { tables.withLock { $0.popLast() } }
}
