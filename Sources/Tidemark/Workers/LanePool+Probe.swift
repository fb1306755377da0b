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
        let ofTable = Dictionary(grouping: chunks, by: \.relationId)
        let losing = relations.filter { relation in
            let (table, chunks) = (relation.definition.oid, ofTable[relation.relationId] ?? [])
            guard let counters, let before = chunks.map(\.readPass).min().flatMap({ kept[$0] }),
                let counted = counters.written(to: table, since: before)
            else { return false }
            let lookUps = counted.inserted + counted.updated
            return counted.deleted > 0 || counted.updated > 0 && lookUps > PassProbe.mostLookUps(in: chunks)
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
