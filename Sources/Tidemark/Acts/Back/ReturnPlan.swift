import Catalog
import Ledger
import Planning
import Postgres
import Transfer

/// What may be copied back from the target of a cutover to its old source, and since when.
struct ReturnPlan: Sendable {
    let run: RunEntry
    let base: ReturnBase
    let tables: [TableReturn]
    /// Tables that are left out.
    let excluded: Set<QualifiedName>
    /// Tables that only the new database has: their rows cannot be copied back.
    let leftBehind: [QualifiedName]

    /// What is read of one of the databases.
    private struct Side: Sendable {
        let identity: DatabaseIdentity
        /// The mark that it would give now.
        let now: Mark
        let columns: [QualifiedName: [ServerText: ServerText]]
        let tables: Set<QualifiedName>

        init(_ connection: Connection) throws {
            identity = try DatabaseIdentity(of: connection)
            let row = try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot")
            now = Mark(try row.snapshot("snapshot"), of: MarkIdentity(identity))
            columns = try Table.columnTypes(on: connection)
            tables = Set(try Table.names(on: connection).values)
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
        let returned = run.returned?.transaction
        let (there, status) = try await Connection.with(old, purpose: purpose) { connection in
            let status = try returned.map { transaction in
                try connection.queryOne("SELECT pg_catalog.txid_status(\(transaction)::bigint) AS status")["status"]
            }
            return (try Side(connection), status)
        }
        try Self.refuse(run, from: here.identity, to: there.identity)
        // The server forgets very old transactions; then the look at the rows decides.
        let isReturned = status.map { $0 == nil || $0 == "committed" } ?? false
        base = try Self.base(recorded, isReturned: isReturned, from: here, to: there)
        let copied = recorded.relations.filter(\.treatment.copiesRows)
        try Self.refuseOtherColumns(copied.map(\.name), between: here, and: there)
        tables = copied.map { [base] in TableReturn($0, since: base) }
        excluded = Set(recorded.relations.map(\.name)).subtracting(copied.map(\.name))
        let known = there.tables.union(recorded.relations.map(\.name))
        leftBehind = here.tables.filter { !known.contains($0) && $0.schema != Ledger.schema.name }.sorted()
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
        isReturned: Bool,
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
        if isReturned, let returned = recorded.run.returned {
            base = ReturnBase(returned)
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

    private static func refuseOtherColumns(_ tables: [QualifiedName], between here: Side, and there: Side) throws {
        let changed = tables.filter { here.columns[$0] != there.columns[$0] }
        guard changed.isEmpty else {
            throw PlanError(
                .refused,
                "the columns of \(changed.count == 1 ? "a table" : "\(changed.count) tables") differ between the new and the old "
                    + "database: \(changed.prefix(10).map(\.description).joined(separator: ", "))",
                hint:
                    "make them equal on the old database by hand (ALTER TABLE), then run the same command again; nothing was written"
            )
        }
    }
}
