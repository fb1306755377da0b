import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Transfer
import Verification

/// Restores a generation of an archive to a target.
///
/// It uses the same ledger as precopy and cutover. So a killed restore resumes, and a target that was restored ahead
/// needs only the later generations.
struct Restore {
    private let archive: ArchiveContext
    private let target: Endpoint
    private let until: Int?
    private let isAhead: Bool
    private let proves: Bool
    private let recorder: RunRecorder

    /// Prepares a restore; nothing is done yet.
    ///
    /// - Parameters:
    ///   - archive: The archive to restore from.
    ///   - target: The database to restore to.
    ///   - until: The generation to restore; nil means the newest.
    ///   - isAhead: Whether later generations will follow; then only rows, keys and indexes are restored.
    ///   - proves: Whether the result is compared with what the archive recorded.
    init(_ archive: ArchiveContext, to target: Endpoint, until: Int?, isAhead: Bool, proves: Bool) {
        self.archive = archive
        self.target = target.watched(stop: archive.stop, observer: archive.observer)
        self.until = until
        self.isAhead = isAhead
        self.proves = proves
        recorder = RunRecorder("restore", archive, to: self.target)
    }

    func run() async throws -> RunReport {
        try await recorder.recording {
            let wanted = try WantedGeneration(archive.path, until: until)
            return try await ThreadConfined.with(target, purpose: "tidemark control") { control in
                let context = archive.run(from: wanted, to: target)
                let session = try await ArchiveOpening(context: context, wanted: wanted, control: control).session()
                return try await recorder.recording(session) { try await restore(wanted, session) }
            }
        }
    }

    // MARK: Restoring

    private func restore(
        _ wanted: WantedGeneration,
        _ session: Session
    ) async throws -> (outcome: RunReport.Outcome, warnings: [String]) {
        if !wanted.manifest.isConsistent, !isAhead {
            recorder.warn([
                "generation \(wanted.manifest.generation) was not read in one snapshot (dump --consistent): if the source was written to meanwhile, foreign keys may not hold"
            ])
        }
        try refuseTooLate(wanted, session)
        try await session.takeBackDone()
        if session.run.step < .keysBuilt {
            try await loadRows(wanted, session)
        }
        if isAhead { return (.done, []) }
        guard let verification = try await complete(wanted, session) else {
            return (
                .done,
                ["nothing was compared with what the archive recorded; the same command without --no-proof does that"]
            )
        }
        if verification.verdict == .proven { try await session.ledger { try $0.setStep(.done) } }
        recorder.record(.verified(verification))
        return (RunReport.Outcome(verification.verdict), [])
    }

    private func refuseTooLate(_ wanted: WantedGeneration, _ session: Session) throws {
        let standing = session.run.pass - 1
        guard session.run.step >= .keysBuilt else {
            guard standing <= wanted.manifest.generation else {
                throw LedgerError(
                    .tooLate,
                    "the target is at generation \(standing), later than \(wanted.manifest.generation)",
                    hint: "restore an earlier generation to an empty database"
                )
            }
            return
        }
        guard standing == wanted.manifest.generation, !isAhead else {
            throw LedgerError(
                .tooLate,
                "generation \(standing) was completed on the target: its keys are built, and no more rows can be restored",
                hint: "restore another generation to an empty database"
            )
        }
    }

    private func loadRows(_ wanted: WantedGeneration, _ session: Session) async throws {
        let context = RestoreContext(wanted.generations, relations: session.relations, epoch: session.epoch)
        let chunks = try await session.control.run { try Ledger($0).chunks() }
        try await session.ledger { ledger in
            try ledger.enter(session.objects)
        }
        try await recorder.phase(.rows) {
            try await recorder.showing(chunks: chunks.count { $0.pass <= wanted.manifest.generation }) {
                try await onConnections(session) { connection, progress, stop in
                    try RestoreWorker(connection, context, progress: progress, stop: stop).restoreBases()
                }
            }
        }
        let oldest = try await session.control.run { try Ledger($0).chunks().map(\.pass).min() ?? 0 }
        if context.hasKeepLists(after: oldest - 1) {
            // Without the key's index, each chunk would scan the whole table for its rows.
            try await recorder.phase(.keys) {
                let built = try await BuilderPool(session).build([.key])
                recorder.record(.built(built))
            }
        }
        try await recorder.phase(.deltas) {
            try await onConnections(session) { connection, progress, stop in
                try RestoreWorker(connection, context, progress: progress, stop: stop).restoreDeltas()
            }
            let settled = session.relations.filter { $0.hasOtherUniqueKeys && $0.treatment.isCopiedAhead }
            for relation in settled {
                try await onConnections(session, count: 1) { connection, progress, stop in
                    try RestoreWorker(connection, context, progress: progress, stop: stop)
                        .restoreSettled(relation.relationId)
                }
            }
        }
        if !session.scope.omits(.largeObjects) {
            try await recorder.phase(.largeObjects) { try await copyLargeObjects(wanted, session) }
        }
        let generation = wanted.manifest.generation
        try await session.ledger { ledger in
            try ledger.reach(generation: generation)
            if session.run.step < .precopied { try ledger.setStep(.precopied) }
            try ledger.record("generation \(generation)")
        }
        guard isAhead else { return }
        try await recorder.phase(.keysAndIndexes) {
            let built = try await BuilderPool(session).build([.key, .index])
            recorder.record(.built(built))
        }
        recorder.warn(
            try await recorder.phase(.analyze) {
                try await BuilderPool(session).analyze(session.deltaRelations.map(\.name))
            }
        )
    }

    private func copyLargeObjects(_ wanted: WantedGeneration, _ session: Session) async throws {
        let queue = LargeObjectQueue(LargeObjectRange.all(of: wanted.manifest.largeObjects.map(\.object.oid).sorted()))
        let attributes = LargeObjectAttributes(in: session.scope)
        let (epoch, generations) = (session.epoch, wanted.generations)
        try await onConnections(session) { connection, progress, stop in
            let restorer = LargeObjectRestorer(
                connection,
                epoch: epoch,
                attributes: attributes,
                generations: generations
            )
            while !stop.isRequested, let range = queue.next() {
                let done = try during("restoring \(range)") { try restorer.restore(range) }
                progress.finishLargeObjects(copied: done.copied, removed: done.removed)
            }
        }
    }

    private func onConnections(
        _ session: Session,
        count: Int? = nil,
        _ body: @escaping @Sendable (Connection, TransferProgress, StopRequest) throws -> Void
    ) async throws {
        let (progress, stop) = (recorder.progress, archive.stop)
        try await Connection.each(count ?? archive.options.jobs, target, purpose: session.purpose("rows")) {
            connection,
            _ in
            try body(connection, progress, stop)
        }
        try stop.check()
    }

    private func complete(_ wanted: WantedGeneration, _ session: Session) async throws -> VerificationResult? {
        let completion = Completion(session: session, recorder: recorder)
        let sequences = session.sequences
        let positions = Dictionary(keepingFirst: wanted.manifest.sequences.map { ($0.qualifiedName, $0.position) })
        if session.run.step < .keysBuilt {
            try await recorder.phase(.extensionRows) { try await session.copyExtensionRows(of: wanted.last) }
            try await session.ledger { try $0.setStep(.dataComplete) }
            try await completion.buildKeys()
        }
        if session.run.step < .postData {
            // After the keys, because an index finds a column's greatest value at once.
            let advanced = try await recorder.phase(.sequences) {
                try await Connection.with(target, purpose: session.purpose("sequences")) {
                    try SequenceSetter($0).set(sequences, to: positions)
                }
            }
            recorder.warn(advanced)
        }
        let postData = try await completion.postData(of: wanted.definitions(session.tools, session.context.options))
        if session.run.step >= .postData { try await session.ledger { try Completion.reopenTables(on: $0.connection) } }
        let recorded = VerifiedSide(wanted.last, wanted.recorded, in: session.scope)
        guard proves else {
            try await finish(completion, with: postData)
            _ = try await completion.closeTables(
                postData.rights,
                VerificationResult(method: ""),
                comparedWith: recorded
            )
            return nil
        }
        let verify = ArchiveVerify(
            context: session.context,
            recorder: recorder,
            generation: wanted.last,
            recorded: wanted.recorded,
            scope: wanted.scope(omitting: session.scope.omissions),
            purpose: session.purpose("verify"),
            triesInserts: true
        )
        // Validation and ANALYZE keep only one server process busy at a time, so rows are compared meanwhile.
        let comparison = try await verify.comparison()
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let comparison { group.addTask { try await verify.compareAhead(comparison) } }
            try await finish(completion, with: postData)
            if comparison != nil { try await recorder.phase(.verifyRowsAhead) { try await group.waitForAll() } }
        }
        let compared = try await verify.run(comparison)
        return try await completion.closeTables(postData.rights, compared, comparedWith: recorded)
    }

    private func finish(_ completion: Completion, with postData: Completion.PostData) async throws {
        if completion.session.run.step < .postData { try await completion.finishDefinitions(postData) }
        try await completion.refreshAndAnalyze()
    }
}
