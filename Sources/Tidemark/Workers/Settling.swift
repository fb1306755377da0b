import Catalog
import Ledger
import Planning
import Postgres
import Transfer

/// Copies the delta of whole tables while the source stays in production, each table in a snapshot of its own, or in slices if that
/// would take too long.
///
/// Two kinds of tables need it. Where a table has other unique keys, rows of different chunks may have swapped a value: chunks
/// read in different snapshots would hold it twice. And where the key is scattered over the file, such as a random uuid, each
/// chunk would read the whole table.
struct Settling {
    let session: Session
    let source: Endpoint
    let lanes: LanePool
    /// The source's counters before the pass.
    let counters: CounterReading?

    /// Copies all chunks of the tables that have other unique keys, each table up to one snapshot.
    ///
    /// - Parameter pass: The pass in which they are settled.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    func settle(pass: Int) async throws {
        var relations = session.deltaRelations.filter(\.hasOtherUniqueKeys)
        var isFirstRound = true
        while !relations.isEmpty {
            relations = try await leftForLater(relations) { relation in
                try await settle(relation, pass: pass, waiting: !isFirstRound)
            }
            isFirstRound = false
        }
    }

    /// Copies the delta of tables with scattered keys.
    ///
    /// Those that are locked are left to the chunks' own snapshots.
    ///
    /// - Parameter pass: The pass.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    func lookAtScattered(pass: Int) async throws {
        let due = Set(
            try await session.control.run { try Ledger($0).chunks() }
                .filter { $0.pass < pass && $0.mark != nil }.map(\.relationId)
        )
        let scattered = session.deltaRelations.filter { relation in
            guard !relation.hasOtherUniqueKeys, due.contains(relation.relationId), let key = relation.key,
                let table = session.source.table(relation.name)
            else { return false }
            return key.isScattered(in: table)
        }
        _ = try await leftForLater(scattered) { relation in
            let id = relation.relationId
            if try await inSlices(relation, pass: pass) { return }
            try await inOneSnapshot(relation, pass: pass, waiting: false) { _ in [.delta(pass: pass, relation: id)] }
        }
    }

    /// Works on each table, and returns those that another session had locked.
    private func leftForLater(
        _ relations: [RelationEntry],
        _ body: (RelationEntry) async throws -> Void
    ) async throws -> [RelationEntry] {
        var locked: [RelationEntry] = []
        for relation in relations {
            do {
                try await body(relation)
            } catch let error as PostgresError where error.sqlState == "55P03" || error.losesSnapshot {
                session.context.note("\(relation.name) is left for later: \(error.message)")
                locked.append(relation)
            } catch let error as LockedSlices {
                session.context.note("\(relation.name) is left for later: \(error.reason)")
                locked.append(relation)
            }
            try session.context.stop.check()
        }
        return locked
    }

    /// All of a table's chunks shed before any loads.
    ///
    /// - Parameters:
    ///   - relation: The table to settle.
    ///   - pass: The pass in which the table is settled.
    ///   - waits: Whether to wait for a table that is locked.
    /// - Throws: ``PostgresError``: SQLSTATE 55P03 if the table is locked, or `.gaveWay` or `.snapshotLost` if another
    ///   session waited for the table. The table must then be settled again.
    private func settle(_ relation: RelationEntry, pass: Int, waiting waits: Bool) async throws {
        let id = relation.relationId
        guard try await session.ledger({ try $0.unsettle(id, pass: pass) }) else { return }
        if try await inSlices(relation, pass: pass) { return }
        try await inOneSnapshot(relation, pass: pass, waiting: waits) { snapshot in
            [.shed(pass: pass, snapshot: snapshot, relation: id), .load(pass: pass, relation: id)]
        }
    }

    private func inSlices(_ relation: RelationEntry, pass: Int) async throws -> Bool {
        try await DeltaSlicing(session: session, lanes: lanes).copy(relation, pass: pass)
    }

    private func inOneSnapshot(
        _ relation: RelationEntry,
        pass: Int,
        waiting waits: Bool,
        _ stages: @escaping @Sendable (Snapshot) -> [ChunkStage]
    ) async throws {
        try await SnapshotHolder.with(
            source,
            tables: [relation.rows],
            lock: .definitions,
            waitsForLocks: waits,
            purpose: session.purpose("snapshot")
        ) { shared, _ in
            let context = try await lanes.probing(
                session.passContext(pass: pass, snapshot: shared),
                since: counters,
                [relation]
            )
            for stage in stages(shared.snapshot) { try await lanes.work(stage, context) }
        }
    }
}
