import Catalog
import Ledger
import Postgres
import Report
import Transfer
import Verification

/// The cutover of a stage: its last delta, into a target that is in use, and the proof of its rows.
extension Cutover {
    /// Moves the stage; the source may serve others meanwhile.
    ///
    /// - Parameter session: The session of the run.
    /// - Returns: The outcome.
    /// - Throws: ``SourceInUse`` if rows of the stage are written meanwhile; ``PostgresError``, ``LedgerError``.
    func moveStage(_ session: Session) async throws -> RunReport.Outcome {
        let quiet = StageQuiet(session, patience: context.options.patienceWithWriters)
        let counters = try await CountedSource.reading(of: source, for: session)
        return try await SnapshotHolder.with(
            source,
            tables: session.lockedTables,
            lock: context.options.fence == .lock ? .rows : .definitions,
            until: quiet.settled(note),
            purpose: session.purpose("snapshot")
        ) { shared, holder in
            let verification = try await completeStage(session, since: counters, in: shared, heldBy: holder) {
                try recorder.timekeeper?.refuseTooLate()
                try await recorder.phase(.lastLook) { try await quiet.look(heldBy: holder, on: source) }
            }
            let evidence = try await recorder.phase(.quiet) { try await quiet.evidence(heldBy: holder, on: source) }
            return try await judge(verification, of: session, quiet: evidence, late: [])
        }
    }

    /// Waits until the target's transactions that were open when the last rows of this pass were there have ended.
    ///
    /// Beside an older transaction these rows would look as if they had been written after the mark: by others, to the next
    /// cutover. What others wrote to the stage's rows until then, the proof finds, which comes later.
    ///
    /// - Parameter session: The session.
    /// - Returns: The id below which everything counts as seen; nil if a transaction did not end in time.
    /// - Throws: ``PostgresError``.
    private func letOlderTransactionsEnd(on session: Session) async throws -> UInt64? {
        var waiting = Waiting(patience: context.options.patienceWithWriters, note)
        let (border, first) = try await session.control.run { connection in
            let row = try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot")
            return (try row.snapshot("snapshot").xmax, try WritingTransactions.open(on: connection))
        }
        var open = first
        while !open.isEmpty {
            guard try await waiting.goesOn("waiting until older transactions on the target end") else {
                note(
                    "transactions on the target have been open since before the last rows were copied: another cutover may take "
                        + "these rows for others'"
                )
                return nil
            }
            open.formIntersection(try await session.control.run { try WritingTransactions.open(on: $0) })
        }
        return border
    }

    /// Copies the stage's delta, moves its sequences forward, and compares its rows.
    ///
    /// - Parameters:
    ///   - session: The session.
    ///   - counters: The source's counters from before the snapshot.
    ///   - shared: The snapshot.
    ///   - holder: The connection that holds it.
    ///   - beforeProof: Called when all rows are copied.
    /// - Returns: The result of the comparison.
    /// - Throws: ``PostgresError``, ``LedgerError``, and what `beforeProof` throws.
    func completeStage(
        _ session: Session,
        since counters: CounterReading?,
        in shared: SharedSnapshot,
        heldBy holder: ThreadConfined<Connection>,
        _ beforeProof: () async throws -> Void
    ) async throws -> VerificationResult {
        let completion = completion(session)
        var positions: [QualifiedName: SequencePosition]?
        if session.run.step < .keysBuilt {
            positions = try await copyData(session, since: counters, untouched: [:], shared)
            try await beforeProof()
            let seen = try await letOlderTransactionsEnd(on: session)
            try await completion.markLeft(reaching: .keysBuilt, seeing: seen)
        }
        try await completion.refreshAndAnalyze()
        let orphans = try await recorder.phase(.constraints) { try await StageOrphans(session: session).findings() }
        try await session.ledger { try $0.setStep(.postData) }
        let verify = Verify(
            session.context,
            of: source,
            recorder: recorder,
            triesInserts: false,
            positions: isRehearsal ? positions : nil
        )
        var verification = try await verify.compare(session, nil, in: shared, heldBy: holder)
        verification.findings += orphans
        return verification
    }
}
