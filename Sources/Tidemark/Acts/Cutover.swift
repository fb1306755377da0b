import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Transfer
import Verification

/// The cutover: the last delta in one snapshot, everything that is left to build, and the proof.
///
/// The ledger records every step. A cutover that was stopped or killed resumes when run again. Until the target has taken
/// writes of its own, each call brings a new delta: what acts on rows is taken off for that, and created again.
struct Cutover {
    let context: RunContext
    let source: Endpoint
    let recorder: RunRecorder
    let isRehearsal: Bool

    /// - Parameters:
    ///   - context: The run's context.
    ///   - source: The source; in a rehearsal its sessions give way.
    ///   - isRehearsal: Whether the source goes on being written to, and the target is not opened afterwards.
    init(_ context: RunContext, from source: Endpoint, isRehearsal: Bool = false) {
        self.context = context
        self.source = source
        self.isRehearsal = isRehearsal
        recorder = RunRecorder("cutover", context)
    }

    func run() async throws -> RunReport {
        let recorder = recorder
        return try await recorder.recording {
            try await LiveOpening(context: context, source: source).withSession(
                for: isRehearsal ? .rehearsal : .cutover
            ) { session in
                try await recorder.recording(session) {
                    do {
                        try await session.takeBackDone()
                        try await session.ledger { [isRehearsal] in try $0.setRehearsed(isRehearsal) }
                        return (try await isRehearsal ? rehearse(session) : cutOver(session), [])
                    } catch {
                        return (try recorder.unproven(by: error), [])
                    }
                }
            }
        }
    }

    private func cutOver(_ session: Session) async throws -> RunReport.Outcome {
        try await judgeTime(of: session)
        if session.scope.isStage, context.options.fence == .readOnly {
            throw PlanError(
                .refused,
                "--fence read-only would keep everyone from writing to the source, and only a stage is moved",
                hint: "use --fence none or lock, and close the application for those whose rows are moved"
            )
        }
        if context.options.fence == .readOnly {
            try await fence(session)
        } else if session.source.settings.closing.contains(where: { $0.isFence && $0.role == nil }) {
            context.note("the source is read-only for new sessions already, until tidemark unfence")
            recorder.record(.fenced)
        }
        guard !session.scope.isStage else { return try await moveStage(session) }
        let watch = Watch(session, readableBytes: context.options.rereadBytes)
        let before = try await QuietBaseline(of: source, session: watch.session, waiting: !watch.readsRows, note)
        let mark = try await session.earlyMark(of: source)
        let counters = try await CountedSource.reading(of: source, for: session)
        let patience = context.options.patienceWithWriters
        return try await SnapshotHolder.with(
            source,
            tables: session.lockedTables,
            lock: context.options.fence == .lock ? .rows : .definitions,
            until: watch.nobodyWrites(patience: patience, note),
            purpose: session.purpose("snapshot")
        ) { shared, holder in
            let verification = try await complete(session, since: counters, in: shared, heldBy: holder) {
                try recorder.timekeeper?.refuseTooLate()
                // Locks keep writers out.
                guard context.options.fence != .lock else { return }
                let look = LastLook(watch: watch, before: before, snapshot: shared.snapshot, patience: patience)
                try await recorder.phase(.lastLook) { try await look.look(heldBy: holder, on: source, note) }
            }
            let quiet = try await quiet(of: session, since: before, by: watch, in: shared.snapshot, heldBy: holder)
            // Comes last: a definition may have changed while the cutover waited for other sessions.
            let late = try await LateDefinitions(session: session, source: source).changes(since: mark, heldBy: holder)
            let waiting = try await holder.run { try LockWait.changes(waitingFor: session.run.sessionPrefix, on: $0) }
            return try await judge(verification, of: session, quiet: quiet, late: late + waiting)
        }
    }

    /// Makes the source read-only; it stays so however the cutover ends.
    private func fence(_ session: Session) async throws {
        let warnings = try await recorder.phase(.fence) {
            // Only while the run is still this client's.
            try await session.ledger { _ in }
            // At once: the report says so even if the run ends before all other sessions have.
            return try await SourceFence(source: source).raise(for: session.run.sessionPrefix, note) {
                recorder.record(.fenced)
            }
        }
        recorder.warn(warnings)
    }

    /// Refuses a cutover that cannot end before its deadline, before anything is fenced or copied.
    private func judgeTime(of session: Session) async throws {
        guard let deadline = context.options.deadline else { return }
        let measures = try await session.control.run { try Ledger($0).nightMeasures() }
        let evidence = context.options.evidence
        recorder.timekeeper = Timekeeper(
            deadline: deadline,
            forecast: NightForecast(measures, evidence: evidence)?.without([RunPhase.preparation.rawValue]),
            note
        )
        try recorder.timekeeper?.refuseTooLate()
    }

    /// Does the same at a snapshot of a source that goes on being written to.
    private func rehearse(_ session: Session) async throws -> RunReport.Outcome {
        let counters = try await CountedSource.reading(of: source, for: session)
        let verification = try await SnapshotHolder.with(
            source,
            tables: session.lockedTables,
            lock: .definitions,
            purpose: session.purpose("snapshot")
        ) { shared, holder in
            // The source stays in use.
            try await complete(session, since: counters, in: shared, heldBy: holder) {}
        }
        recorder.record(.verified(verification))
        try context.stop.check()
        guard verification.verdict == .proven else { return RunReport.Outcome(verification.verdict) }
        await recorder.countWorkers(of: session)
        let rehearsal = recorder.timedRun()
        recorder.record(
            .forecast(
                try await session.ledger { ledger in
                    try ledger.keep(rehearsal: rehearsal)
                    return NightForecast(try ledger.nightMeasures())
                }
            )
        )
        return .rehearsed
    }

    /// Copies the delta, creates what is left, and compares both sides.
    ///
    /// - Parameters:
    ///   - session: The session.
    ///   - counters: The source's counters from before the snapshot.
    ///   - shared: The snapshot.
    ///   - holder: The connection that holds it.
    ///   - beforeBuilding: Called when all rows are copied, before the first step that would have to be taken back.
    /// - Returns: The result of the comparison.
    /// - Throws: ``PostgresError``, ``LedgerError``, and what `beforeBuilding` throws.
    private func complete(
        _ session: Session,
        since counters: CounterReading?,
        in shared: SharedSnapshot,
        heldBy holder: ThreadConfined<Connection>,
        _ beforeBuilding: () async throws -> Void
    ) async throws -> VerificationResult {
        guard !session.scope.isStage else {
            return try await completeStage(session, since: counters, in: shared, heldBy: holder, beforeBuilding)
        }
        let completion = completion(session)
        let now = try await session.definitions(of: source, in: holder)
        let postData = try await completion.postData(of: now.definitions)
        let changes = try await session.definitionChanges(now: now.entries)
        if session.run.step < .postData {
            try await LateTrial(session: session).run(postData.entries, refreshingFor: nil)
        } else {
            try await session.ledger { try Completion.reopenTables(on: $0.connection) }
        }
        let counted = try await counted(session, shared)
        let positions: [QualifiedName: SequencePosition]
        if session.run.step < .keysBuilt {
            positions = try await copyData(session, since: counters, untouched: counted?.untouched ?? [:], shared)
            try await beforeBuilding()
            try await completion.checkForeignKeys()
            try await completion.buildKeys()
        } else {
            positions = try await copyEmptied(session, shared)
        }
        if session.run.step < .postData {
            try await completion.finishDefinitions(postData)
        }
        try await completion.refreshAndAnalyze()
        // Sequences ignore snapshots: in a rehearsal they move on.
        let verify = Verify(
            session.context,
            of: source,
            recorder: recorder,
            triesInserts: true,
            positions: isRehearsal ? positions : nil,
            noteWritten: { tables in try await session.ledger { try $0.noteTriedInserts(tables) } }
        )
        let compared = try await verify.compare(session, counted, in: shared, heldBy: holder)
        let verification = try await completion.closeTables(
            postData.rights,
            compared,
            comparedWith: await holder.run { try VerifiedSide(of: $0, in: session.scope) }
        )
        return verification.merged(with: changes.withoutViews(equalBy: verification))
    }

    /// What the source's counters say, if the operator lets them count as evidence.
    ///
    /// While the source is written, sessions hold counts back: a rehearsal reads rows.
    private func counted(_ session: Session, _ shared: SharedSnapshot) async throws -> CountedSource? {
        guard context.options.evidence.usesCounters, !context.options.verifiesInFull else { return nil }
        guard !isRehearsal else {
            context.note("rows are read: counters tell nothing while the source is written")
            return nil
        }
        let counted = try await recorder.phase(.counters) {
            try await CountedSource.untouched(in: session, on: source, in: shared, note)
        }
        if let obstacle = counted.obstacle { recorder.warn(["rows were read, because \(obstacle)"]) }
        return counted
    }

    func completion(_ session: Session) -> Completion { Completion(session: session, recorder: recorder) }

    var note: @Sendable (String) -> Void {
        { [context] in context.note($0) }
    }

    // MARK: Rows

    /// - Returns: The source's positions of sequences, to which the target's were set.
    func copyData(
        _ session: Session,
        since counters: CounterReading?,
        untouched: [Int: Set<Int>],
        _ shared: SharedSnapshot
    ) async throws -> [QualifiedName: SequencePosition] {
        // Before anything is added to what is left of a table.
        _ = try await session.forgetEmptied()
        try await Growth(session: session, source: source).cutOpenChunks()
        let pass = try await session.ledger { ledger in
            try ledger.enter(session.objects)
            let pass = try ledger.openCutoverPass(reading: shared.snapshot)
            try ledger.passOverImmutable(pass)
            try ledger.passOver(untouched, in: pass)
            if let counters { try ledger.keep(counters, pass: pass, of: .source) }
            return pass
        }
        let context = session.passContext(pass: pass, snapshot: shared)
        let due = try await session.control.run { try Ledger($0).chunks() }.count { $0.pass < pass }
        let positions = try await LanePool.with(session, from: source, progress: recorder.progress) { lanes in
            try await recorder.phase(.deltaAndWholeTables) {
                try await recorder.showing(chunks: due) {
                    // A crash of the target in the meantime may have emptied unlogged tables.
                    try await Slicing(session: session, lanes: lanes).copyBases(context)
                    let context = try await lanes.probing(context, since: counters, session.deltaRelations)
                    repeat {
                        try await lanes.work(.shed(pass: pass, snapshot: shared.snapshot, relation: nil), context)
                        try await lanes.work(.cutover(pass: pass), context)
                    } while try await session.forgetEmptied()
                }
            }
            try await recorder.phase(.largeObjects) { try await lanes.copyLargeObjects(session, context) }
            try await recorder.phase(.extensionRows) { try await session.copyExtensionRows(lanes, in: shared) }
            return try await setSequences(session, lanes)
        }
        try await session.ledger { ledger in
            try ledger.closePass()
            try ledger.forgetOldCounters()
            try ledger.setStep(.dataComplete)
            try ledger.record("data complete", subject: shared.snapshot.description)
        }
        return positions
    }

    /// Copies the tables that a crash has emptied; after the foreign keys no other rows are copied.
    ///
    /// - Returns: The source's positions of sequences, to which the target's were set, if they had to be.
    private func copyEmptied(
        _ session: Session,
        _ shared: SharedSnapshot
    ) async throws -> [QualifiedName: SequencePosition] {
        let hasEmptied = try await session.forgetEmptied()
        guard hasEmptied || isRehearsal else { return [:] }
        let context = session.passContext(pass: session.run.pass, snapshot: shared, keepsTriggersOff: true)
        let positions = try await LanePool.with(session, from: source, progress: recorder.progress) { lanes in
            if hasEmptied {
                try await recorder.phase(.deltaAndWholeTables) {
                    try await lanes.work(.cutover(pass: session.run.pass), context)
                }
            }
            return try await setSequences(session, lanes)
        }
        if hasEmptied { try await completion(session).markLeft() }
        return positions
    }

    func setSequences(
        _ session: Session,
        _ lanes: LanePool
    ) async throws -> [QualifiedName: SequencePosition] {
        let (positions, advanced) = try await recorder.phase(.sequences) {
            let sequences = session.sequences
            return try await lanes.withOne { lane in
                let positions = try SequenceSetter.positions(of: sequences.map(\.qualifiedName), on: lane.source)
                // Setting a sequence belongs to no transaction, and all of them in one would take too many locks.
                try lane.target.transaction(.readWrite) { try Ledger(lane.target, epoch: session.epoch).fence() }
                if session.scope.isStage {
                    try SequenceSetter(lane.target).advance(sequences, to: positions)
                    return (positions, [String]())
                }
                // A target that may be open has perhaps given out values.
                let setter = SequenceSetter(lane.target)
                return (positions, try setter.set(sequences, to: positions, onlyForward: session.mayBeOpen))
            }
        }
        recorder.warn(advanced)
        return positions
    }

    // MARK: Judgement

    private func quiet(
        of session: Session,
        since before: QuietBaseline,
        by watch: Watch,
        in snapshot: Snapshot,
        heldBy holder: ThreadConfined<Connection>
    ) async throws -> Quiet {
        try await recorder.phase(.quiet) {
            switch context.options.fence {
            case .lock:
                try await Quiet.besideLocks(
                    since: before,
                    Set(session.source.tables.map(\.oid)),
                    on: source,
                    watch,
                    heldBy: holder,
                    note
                )
            case .none, .readOnly:
                try await Quiet.evidence(
                    since: before,
                    snapshot,
                    heldBy: holder,
                    watch,
                    on: source,
                    note
                )
            }
        }
    }

    func judge(
        _ verification: VerificationResult,
        of session: Session,
        quiet: Quiet,
        late: [String]
    ) async throws -> RunReport.Outcome {
        // What a request has ended early was not compared: no verdict.
        try context.stop.check()
        var verification = verification
        if !quiet.isProven { verification.notProven.append(quiet.description) }
        verification.notProven += late
        if verification.verdict == .proven { try await session.ledger { try $0.setStep(.done) } }
        recorder.record(.verified(verification))
        recorder.record(.quiet(quiet.description))
        return RunReport.Outcome(verification.verdict)
    }
}
