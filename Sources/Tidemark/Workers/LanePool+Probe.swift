import Catalog
import Ledger
import Planning
import Transfer

extension LanePool {
    /// Probes whole tables in a shared snapshot, and moves the chunks that have not changed to their new marks at once.
    ///
    /// - Parameters:
    ///   - context: The pass.
    ///   - counters: The source's counters before the snapshot, which tell what kind of probe is the cheaper one.
    ///   - relations: The tables that the pass works on.
    /// - Returns: The same pass, with what was found.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    func probing(
        _ context: PassContext,
        since counters: CounterReading?,
        _ relations: [RelationEntry]
    ) async throws -> PassContext {
        let (chunks, kept) = try await session.control.run { connection in
            try (Ledger(connection).chunks(), Ledger(connection).counters(of: .source).mapValues(\.reading))
        }
        let passes = Dictionary(grouping: chunks, by: \.relationId).mapValues { $0.map(\.readPass).min() }
        let losing = relations.filter { relation in
            guard let counters, let before = passes[relation.relationId]?.flatMap({ kept[$0] }) else { return false }
            return counters.deletions(of: relation.definition.oid, since: before).map { $0 > 0 } ?? false
        }
        let probe = PassProbe(
            relations,
            chunks,
            dueIn: context.pass,
            on: session.source,
            workers: lanes.count,
            losesRows: Set(losing.map(\.relationId))
        )
        guard probe.parts > 0 else { return context }
        let context = context.with(probe)
        try await onAll(context) { [progress, stop] lane, isOver in
            try ProbeWorker(lane: lane, context: context, progress: progress, stop: stop).work(until: isOver)
        }
        let unchanged = probe.unchanged(in: context.pass)
        try await session.ledger { ledger in
            try ledger.complete(unchanged)
            try ledger.record(unchanged.map(\.event))
        }
        progress.finishUnchanged(unchanged.count)
        return context
    }
}
