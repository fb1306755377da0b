import Catalog
import Ledger
import Planning
import Postgres
import Synchronization
import Verification

/// Compares what was copied ahead with the source, so that the cutover compares only what has changed since.
struct ProvingAhead {
    let session: Session
    let source: Endpoint

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
            body: { prover, _ in try prover.work() }
        )
        return messages.withLock { $0 }
    }

    private func context(pass: Int, _ note: @escaping @Sendable (String) -> Void) async throws -> RangeProver.Context {
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
        return RangeProver.Context(
            pass: pass,
            epoch: session.epoch,
            relations: session.deltaRelations,
            ranges: ComparedRange.all(of: ahead, source: session.source, target: there, provenBy: [:]),
            source: session.markIdentity,
            target: MarkIdentity(there.identity),
            hash: hash,
            stop: session.context.stop,
            note: note
        )
    }
}
