import Catalog
import Ledger
import Planning
import Postgres
import Synchronization
import Transfer

/// Copies the base of tables with scattered keys by position: each part of the file is read once, at the disk's speed.
///
/// By their keys, each chunk would read the whole table, in one transaction. So are tables copied whose unique indexes stand on
/// the target already: the rows that one mark sees fit into them, whatever moves from row to row meanwhile.
struct Slicing {
    let session: Session
    let lanes: LanePool

    private static let attempts = 3

    /// Copies the base of all tables with scattered keys; from the start if what was copied of a table is void.
    ///
    /// - Parameter context: The pass.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    func copyBases(_ context: PassContext) async throws {
        for _ in 0..<Self.attempts {
            guard try await cut(context) else { return }
            try await copy(context)
        }
        guard try await !cut(context) else {
            throw PostgresError(
                .unexpectedAnswer,
                "tables with scattered keys had to be copied from the start \(Self.attempts) times; the notes above say why",
                hint:
                    "let nothing rewrite these tables on the source (VACUUM FULL, CLUSTER) and nothing else write to the "
                    + "target, then run the same command again"
            )
        }
    }

    /// Cuts the files of tables of which nothing is copied yet.
    ///
    /// - Parameter context: The pass.
    /// - Returns: Whether slices are left to copy.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    private func cut(_ context: PassContext) async throws -> Bool {
        let (chunks, slices) = try await session.control.run { connection in
            (
                Dictionary(grouping: try Ledger(connection).chunks(), by: \.relationId),
                Set(try Ledger(connection).slices().map(\.relationId))
            )
        }
        let size = max(1, session.context.options.plan.chunkBytes / BlockRange.blockBytes)
        for relation in session.deltaRelations where !slices.contains(relation.relationId) {
            guard let key = relation.key, let table = session.source.table(relation.name),
                BlockRange.canCut(table, on: session.source.identity),
                key.isScattered(in: table) || relation.needsOneMark,
                let chunks = chunks[relation.relationId], chunks.count > 1,
                chunks.allSatisfy({ $0.mark == nil && !$0.isAdopted && !$0.isImmutable }),
                KeyRange.inOrder(chunks, \.range) != nil
            else { continue }
            let mark = try await lanes.withOne { lane in
                try lane.reading(in: context.snapshot) { try lane.mark(of: relation, in: context) }
            }
            let blocks = BlockRange.all(of: table.heapBytes / BlockRange.blockBytes, inEach: size)
            try await session.ledger { try $0.enter(blocks, of: relation, at: mark, pass: context.pass) }
        }
        return try await session.control.run { try !Ledger($0).slices().isEmpty }
    }

    /// Copies all slices, and gives the chunks of their tables the mark of the slices.
    ///
    /// - Parameter context: The pass.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    private func copy(_ context: PassContext) async throws {
        guard try await session.control.run({ try !Ledger($0).slices().isEmpty }) else { return }
        let void = VoidSlices()
        let (progress, stop) = (lanes.progress, lanes.stop)
        try await lanes.announcing(.slices, context, without: { Array(void.reasons.keys) }) {
            try await lanes.onAll(context) { lane, isOver in
                try SliceWorker(lane: lane, context: context, progress: progress, stop: stop, void: void).work(
                    until: isOver
                )
            }
        }
        try stop.check()
        let slices = Dictionary(grouping: try await session.control.run { try Ledger($0).slices() }, by: \.relationId)
        let ended = session.deltaRelations.filter { relation in
            guard let slices = slices[relation.relationId] else { return false }
            return void.reasons[relation.relationId] != nil || slices.allSatisfy { $0.rows != nil }
        }
        let queue = Mutex(ended)
        try await lanes.onAll(context) { [epoch = session.epoch, note = session.context.note] lane, isOver in
            while !stop.isRequested, !isOver(), let relation = queue.withLock({ $0.popLast() }) {
                let chunks = try lane.target.transaction(.readWrite) {
                    try Self.conclude(
                        relation,
                        slices[relation.relationId] ?? [],
                        void: void.reasons[relation.relationId],
                        in: Ledger(lane.target, epoch: epoch),
                        note: note
                    )
                }
                for chunk in chunks { progress.finishChunk(ChunkOutcome(baseOf: chunk)) }
            }
        }
        try stop.check()
    }

    /// Gives the chunks of a table their mark, or empties it.
    ///
    /// - Returns: The chunks that have their base now.
    private static func conclude(
        _ relation: RelationEntry,
        _ slices: [SliceEntry],
        void reason: String?,
        in ledger: Ledger,
        note: (String) -> Void
    ) throws -> [ChunkEntry] {
        try ledger.fence()
        let chunks = try reason == nil ? ledger.gather(relation, slices) : nil
        if let chunks {
            try ledger.record(chunks.map { Ledger.Event(baseOf: $0) })
            return chunks
        }
        let reason = reason ?? "the target does not have the rows that were copied"
        note("\(relation.name) is copied from the start: \(reason)")
        try ledger.startOver(relation, because: reason)
        return []
    }
}

extension RelationEntry {
    /// Whether its base has to be of one mark, because all its unique indexes stand while it is copied.
    fileprivate var needsOneMark: Bool { isShared && hasOtherUniqueKeys }
}
