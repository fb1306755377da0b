import Catalog
import Ledger
import Planning
import Postgres
import Synchronization
import Transfer
import Verification

/// Compares what was copied ahead with the source, so that the cutover compares only what has changed since.
struct ProvingAhead {
    let session: Session
    let source: Endpoint
    /// What its workers obey between two chunks.
    let throttle: Throttle

    /// Proves the chunks that can be proven.
    ///
    /// - Parameter pass: The pass that copied the chunks.
    /// - Returns: Warnings about chunks that differ from what was copied.
    /// - Throws: ``PostgresError``, ``LedgerError``. What was proven stays proven.
    func run(pass: Int) async throws -> [String] {
        // Before the first proof: what others write on the target from now on is counted.
        if let counters = try await CountedTarget.readingAfterWorkers(of: session) {
            try await session.ledger { try $0.keep(counters, pass: pass, of: .target) }
        }
        let messages = Mutex<[String]>([])
        let context = try await context(pass: pass) { message in
            // Every chunk of a table that cannot be compared reports the same message.
            messages.withLock { if !$0.contains(message) { $0.append(message) } }
        }
        let (source, target) = (source, session.context.target)
        let purpose = session.purpose("prove")
        let scattered = try await scatteredTables(context)
        let proofs = ScatteredProofs(scattered, context)
        try await session.ledger { ledger in
            for chunk in scattered.flatMap(\.chunks) { try ledger.passOverProof(of: chunk, pass: pass) }
        }
        try await ThreadConfined.each(
            session.context.options.jobs,
            { number, interrupter in
                try RangeProver(
                    source: source,
                    target: target,
                    purpose: "\(purpose) \(number)",
                    interrupter: interrupter,
                    context: context
                )
            },
            body: { prover, _ in
                try prover.work(on: proofs)
                try prover.work()
            }
        )
        return messages.withLock { $0 }
    }

    /// The tables with scattered keys of which most chunks are due to be proven.
    private func scatteredTables(_ context: ProvingContext) async throws -> [ScatteredTable] {
        let relations = session.deltaRelations.filter { relation in
            session.source.table(relation.name).flatMap { relation.key?.isScattered(in: $0) } ?? false
        }
        guard !relations.isEmpty else { return [] }
        let names = relations.map(\.name)
        let (chunks, theirs) = try await session.control.run { [identity = context.target] connection in
            (
                Dictionary(grouping: try Ledger(connection).chunks(), by: \.relationId),
                try TableState.all(of: names, on: connection, identity)
            )
        }
        let ours = try await Connection.with(source, purpose: session.purpose("prove")) {
            [identity = session.markIdentity] connection in
            try connection.transaction(.snapshot) { try TableState.all(of: names, on: connection, identity) }
        }
        return relations.compactMap { relation in
            let chunks = chunks[relation.relationId] ?? []
            let due = chunks.count { $0.proof?.rows != $0.rows || $0.proof?.isReduced == true }
            guard due * 2 > chunks.count, let here = ours[relation.name], let there = theirs[relation.name],
                let range = chunks.first.flatMap({ context.comparedRange(relation, $0) })
            else { return nil }
            return ScatteredTable(relation, chunks, comparedAs: range, in: (here, there))
        }
    }

    private func context(pass: Int, _ note: @escaping @Sendable (String) -> Void) async throws -> ProvingContext {
        let there = try await session.control.run { try DatabaseCatalog(of: $0) }
        let plan = try await session.control.run { try Ledger($0).plan() }
        let ahead = Plan(tables: plan.tables.filter(\.treatment.isCopiedAhead), warnings: [])
        let hash = try await ThreadConfined.with(source, purpose: session.purpose("prove")) { source in
            try await ThreadConfined.with(session.context.target, purpose: session.purpose("prove")) { target in
                let ours = try await source.run { try RowHash.Answers(of: $0) }
                let theirs = try await target.run { try RowHash.Answers(of: $0) }
                return RowHash.common(to: ours, and: theirs)
            }
        }
        return ProvingContext(
            pass: pass,
            epoch: session.epoch,
            relations: session.deltaRelations,
            ranges: ComparedRange.all(of: ahead, source: session.source, target: there, provenBy: [:]),
            source: session.markIdentity,
            target: MarkIdentity(there.identity),
            hash: hash,
            stop: session.context.stop,
            waitForTurn: { [stop = session.context.stop, throttle] in throttle.wait(for: 1) { stop.isRequested } },
            note: note
        )
    }
}
