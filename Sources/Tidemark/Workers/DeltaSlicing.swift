import Catalog
import Ledger
import Planning
import Postgres
import Transfer

/// A table that another session has locked while its delta was copied in slices.
struct LockedSlices: Error {
    let reason: String
}

/// Copies the delta of one table in slices of its file, if one snapshot would have to last too long.
struct DeltaSlicing {
    let session: Session
    let lanes: LanePool

    /// Copies the delta up to a mark that is taken now.
    ///
    /// - Parameters:
    ///   - relation: The table.
    ///   - pass: The pass.
    /// - Returns: Whether that was done; if not, the table has to be read in one snapshot.
    /// - Throws: ``LockedSlices``; ``PostgresError``, ``LedgerError``.
    func copy(_ relation: RelationEntry, pass: Int) async throws -> Bool {
        let context = session.passContext(pass: pass, snapshot: nil)
        guard let longest = context.pace?.bytesInTime, let table = session.source.table(relation.name),
            table.heapBytes > longest
        else { return false }
        let mark = try await lanes.withOne { lane in
            try lane.reading(in: nil) { try lane.mark(of: relation, in: context) }
        }
        let id = relation.relationId
        let chunks = try await session.control.run { try Ledger($0).chunks() }.filter { $0.relationId == id }
        let size = min(session.context.options.plan.chunkBytes, longest)
        guard
            let slices = DeltaSlices(of: relation, chunks, dueIn: pass, on: session.source, upTo: mark, inEach: size)
        else { return false }
        try await onAll(slices, context) { try $0.look() }
        try await lanes.withOne { try worker($0, slices, in: context).shed() }
        try await onAll(slices, context) { try $0.load() }
        switch slices.outcome {
        case .void(let reason)?:
            session.context.note("\(relation.name) is read in one snapshot: \(reason)")
            return false
        case .locked(let reason)?: throw LockedSlices(reason: reason)
        case nil: break
        }
        try await conclude(slices, of: relation, at: mark, pass: pass)
        return true
    }

    private func worker(_ lane: Lane, _ slices: DeltaSlices, in context: PassContext) -> DeltaSliceWorker {
        DeltaSliceWorker(lane: lane, context: context, slices: slices, progress: lanes.progress, stop: lanes.stop)
    }

    private func onAll(
        _ slices: DeltaSlices,
        _ context: PassContext,
        _ body: @escaping @Sendable (DeltaSliceWorker) throws -> Void
    ) async throws {
        try await lanes.onAll(context) { lane, _ in try body(worker(lane, slices, in: context)) }
        try lanes.stop.check()
    }

    private func conclude(_ slices: DeltaSlices, of relation: RelationEntry, at mark: Mark, pass: Int) async throws {
        let outcomes = try await session.ledger { ledger in
            let chunks = try ledger.chunks().filter { $0.relationId == relation.relationId }
            let outcomes = chunks.map { slices.outcome(of: $0) }
            let effort = slices.effort
            try ledger.complete(chunks.map { Ledger.Completion(unchanged: $0, at: mark, pass: pass) })
            try ledger.record(
                zip(chunks, outcomes).map { chunk, outcome in
                    Ledger.Event(
                        outcome.kind.rawValue,
                        "\(relation.name) in \(effort.slices) slices",
                        relation: chunk.relationId,
                        chunk: chunk.chunkNumber,
                        count: outcome.copied,
                        duration: effort.duration / chunks.count
                    )
                }
            )
            try ledger.doubtCounters(of: relation, at: mark, pass: pass)
            return outcomes
        }
        for outcome in outcomes { lanes.progress.finishChunk(outcome) }
    }
}
