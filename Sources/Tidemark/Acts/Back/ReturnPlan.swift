import Catalog
import Ledger
import Planning
import Postgres
import Transfer

/// What may be copied back from the target of a cutover to its old source, and since when.
struct ReturnPlan: Sendable {
    let run: RunEntry
    let base: ReturnBase
    /// The way back that ``base`` is; nil: the cutover.
    let before: ReturnEntry?
    let tables: [TableReturn]
    /// Tables that are left out.
    let excluded: Set<QualifiedName>
    /// Tables that only the new database has: their rows cannot be copied back.
    let leftBehind: [QualifiedName]
    /// Tables of the new database whose rows were not copied by the cutover, although the old one may have them.
    let notCopied: [QualifiedName]

    /// Whether others go on using the old database, because only some rows of a table were moved.
    var isShared: Bool { tables.contains { $0.relation.rowFilter != nil } }

    /// What is read of one of the databases.
    private struct Side: Sendable {
        let identity: DatabaseIdentity
        /// The mark that it would give now.
        let now: Mark
        let columns: [QualifiedName: [ServerText: ServerText]]
        let tables: [UInt32: QualifiedName]

        init(_ connection: Connection) throws {
            identity = try DatabaseIdentity(of: connection)
            let row = try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot")
            now = Mark(try row.snapshot("snapshot"), of: MarkIdentity(identity))
            columns = try Table.columnTypes(on: connection)
            tables = try Table.names(on: connection)
        }
    }

    /// What the new database's ledger says.
    private struct Recorded: Sendable {
        let run: RunEntry
        let relations: [RelationEntry]
        /// The rows of each table, by its number.
        let rows: [Int: Int]
    }

    private static let adopting =
        "tidemark precopy --adopt and tidemark cutover, with --source NEW and --target OLD (to the same or a newer major version)"

    /// Decides, and refuses what cannot be done.
    ///
    /// - Parameters:
    ///   - new: A connection to the database that the last cutover filled; it has the ledger.
    ///   - old: The database that was the source then.
    ///   - purpose: The name that `pg_stat_activity` shows.
    /// - Throws: ``LedgerError``, ``PlanError``, ``PostgresError``.
    init(from new: ThreadConfined<Connection>, to old: Endpoint, purpose: String) async throws {
        let (recorded, here) = try await new.run { connection in
            guard let run = try Ledger.run(on: connection) else {
                throw LedgerError(
                    .missing,
                    "the new database has no ledger of a cutover, so nothing shows what was written there since",
                    hint: "--source is the new database here; without a ledger everything has to be compared: "
                        + Self.adopting
                )
            }
            let ledger = Ledger(connection)
            let recorded = Recorded(run: run, relations: try ledger.relations(), rows: try ledger.heldRows())
            return (recorded, try Side(connection))
        }
        run = recorded.run
        let there = try await Connection.with(old, purpose: purpose) { try Side($0) }
        try Self.refuse(run, from: here.identity, to: there.identity)
        let before = try await Connection.with(old, purpose: purpose) { connection in
            try Self.lastCommitted(of: recorded.run, on: connection)
        }
        let base = try Self.base(recorded, after: before, from: here, to: there)
        let copied = recorded.relations.filter(\.treatment.copiesRows)
        let dropped = try await (
            new.run { try base.tablesWithoutColumns(.new, on: $0) },
            Connection.with(old, purpose: purpose) { try base.tablesWithoutColumns(.old, on: $0) }
        )
        try Self.refuseOtherColumns(of: copied, on: "new", here, droppedFrom: dropped.0)
        try Self.refuseOtherColumns(of: copied, on: "old", there, droppedFrom: dropped.1)
        (self.base, self.before) = (base, before)
        tables = copied.map { TableReturn($0, since: base) }
        excluded = Set(recorded.relations.map(\.name)).subtracting(copied.map(\.name))
        let known = Set(there.tables.values).union(recorded.relations.map(\.name))
        let others = Set(here.tables.values).filter { $0.schema != Ledger.schema.name }.subtracting(copied.map(\.name))
        leftBehind = others.subtracting(known).sorted()
        notCopied = others.intersection(known).sorted()
    }

    /// The last way back that was committed since the cutover.
    private static func lastCommitted(of run: RunEntry, on old: Connection) throws -> ReturnEntry? {
        guard let last = run.returned else { return nil }
        for entry in [last] + (last.before ?? []) {
            if entry.isCommitted == true { return entry }
            let answer = try old.queryOne("SELECT pg_catalog.txid_status(\(entry.transaction)::bigint) AS status")
            switch answer["status"] {
            case "committed": return entry.committed
            case "aborted", "in progress": continue
            default:
                throw LedgerError(
                    .missing,
                    "the old database's server does not know any more whether the last way back was committed",
                    hint: "to compare all rows: \(adopting)"
                )
            }
        }
        return nil
    }

    private static func refuse(_ run: RunEntry, from here: DatabaseIdentity, to there: DatabaseIdentity) throws {
        try Refusals.same(here, there)
        guard !run.isStage else {
            throw PlanError(
                .refused,
                "the run moved a stage into a database that serves others, so there is no way back by it",
                hint: "move its rows back as a stage of their own: precopy --stage with the databases exchanged"
            )
        }
        guard run.archive == nil else {
            throw LedgerError(.otherSource, "the new database was filled from an archive, so there is no way back")
        }
        if let difference = run.source.difference(from: there, acceptsOtherSystem: false) {
            throw LedgerError(
                .otherSource,
                "the new database was filled from \(difference)",
                hint: "--source is the new database here, and --target the old one: the way back"
            )
        }
        guard !there.isInRecovery else {
            throw PlanError(
                .refused,
                "the old database is a standby and accepts no writes",
                hint: "connect to its primary"
            )
        }
        guard run.step == .done, !run.isRehearsed else {
            throw LedgerError(
                .tooLate,
                run.isRehearsed
                    ? "the last cutover was only a rehearsal" : "the last cutover did not end as proven",
                hint: "nothing shows that the two databases were equal then; to compare all rows: \(adopting)"
            )
        }
    }

    /// The last way back if it was committed, otherwise the cutover.
    private static func base(
        _ recorded: Recorded,
        after before: ReturnEntry?,
        from here: Side,
        to there: Side
    ) throws -> ReturnBase {
        func refuse(_ side: String, _ reason: String) -> LedgerError {
            LedgerError(
                .missing,
                "the \(side) database does not show any more what was written since: \(reason)",
                hint: "to compare all rows: \(adopting)"
            )
        }
        let base: ReturnBase
        if let before {
            base = ReturnBase(before)
        } else if let mark = recorded.run.leftAt, let snapshot = recorded.run.cutoverSnapshot {
            base = ReturnBase(cutover: mark, reading: snapshot, rows: recorded.rows)
        } else {
            throw refuse("new", "the ledger has no mark of the cutover")
        }
        if let reason = base.mark.voidReason(at: here.now) { throw refuse("new", reason) }
        let left = Mark(base.left, of: MarkIdentity(recorded.run.source))
        if let reason = left.voidReason(at: there.now) { throw refuse("old", reason) }
        return base
    }

    /// Refuses tables whose columns are not those that the cutover copied: what a new column holds would be lost.
    private static func refuseOtherColumns(
        of relations: [RelationEntry],
        on name: String,
        _ side: Side,
        droppedFrom dropped: Set<UInt32>
    ) throws {
        let droppedOf = Set(dropped.compactMap { side.tables[$0] })
        let changed = relations.filter { relation in
            let copied = relation.definition.columns.map { ($0.name, $0.type) }
            return side.columns[relation.name] ?? [:] != Dictionary(uniqueKeysWithValues: copied)
                || droppedOf.contains(relation.name)
        }.map(\.name)
        guard changed.isEmpty else {
            throw PlanError(
                .refused,
                "the columns of \(changed.count == 1 ? "a table" : "\(changed.count) tables") were changed on the \(name) database "
                    + "since the cutover: \(changed.prefix(10).map(\.description).joined(separator: ", "))",
                hint:
                    "nothing was written. Make the old database's definitions equal by hand, and compare all rows: \(adopting)"
            )
        }
    }
}
