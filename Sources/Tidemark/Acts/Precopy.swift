import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Synchronization
import Transfer

/// Copies every chunk up to a newer mark while the source stays in production.
///
/// It builds a table's keys and indexes as soon as its base is complete. No transaction on the source lasts longer
/// than the operator allows (``MigrationOptions/longestTransaction``).
struct Precopy {
    private let context: RunContext
    private let source: Endpoint
    private let recorder: RunRecorder

    /// - Parameters:
    ///   - context: The run's context.
    ///   - source: The source; its sessions give way, because whoever changes a definition in production comes first.
    init(_ context: RunContext, from source: Endpoint) {
        self.context = context
        self.source = source
        recorder = RunRecorder("precopy", context)
    }

    func run() async throws -> RunReport {
        let recorder = recorder
        return try await recorder.recording {
            try await LiveOpening(context: context, source: source).withSession(for: .precopy) {
                session in
                try await tryLateDefinitions(session)
                return try await recorder.recording(session) {
                    let watch = LoadWatch(session, from: source, recorder.progress.throttle)
                    let watching = context.options.backOff.isWanted ? Task { await watch.run() } : nil
                    defer { watching?.cancel() }
                    let changes = try await definitionChanges(session)
                    let warnings = try await work(session)
                    try await forecast(session)
                    return (.done, changes + warnings)
                }
            }
        }
    }

    /// How long a materialized view may take to fill when that is tried, in milliseconds.
    private static let patienceWithViews = 10_000

    /// Tries the definitions that come after the rows, so that a refusal is found days ahead and not during cutover.
    ///
    /// Definitions created a moment ago were already tried.
    private func tryLateDefinitions(_ session: Session) async throws {
        guard let definitions = session.followed?.definitions else { return }
        let completion = Completion(session: session, recorder: recorder)
        try await LateTrial(session: session).run(
            completion.postData(of: definitions).entries,
            refreshingFor: Self.patienceWithViews
        )
    }

    /// Reports changes of definitions days ahead, while they can still be made by hand on the target.
    private func definitionChanges(_ session: Session) async throws -> [String] {
        guard let entries = session.followed?.entries else { return [] }
        return try await session.definitionChanges(now: entries).findings.map { finding in
            "the target does not have this change of definition: \(finding.object): \(finding.message)"
        }
    }

    /// Keeps how long the precopy took, and forecasts the night by it.
    private func forecast(_ session: Session) async throws {
        await recorder.countWorkers(of: session)
        let timed = recorder.timedRun()
        recorder.record(
            .forecast(
                try await session.ledger { ledger in
                    try ledger.keep(precopy: timed)
                    return NightForecast(try ledger.nightMeasures())
                }
            )
        )
    }

    /// Runs one pass.
    ///
    /// - Returns: Warnings for the operator.
    private func work(_ session: Session) async throws -> [String] {
        _ = try await session.forgetEmptied()
        try await Growth(session: session, source: source).cutOpenChunks()
        // Before the pass's first snapshot, as evidence for a later cutover.
        let counters = try await CountedSource.reading(of: source, for: session)
        let pass = try await session.ledger { ledger in
            try ledger.enter(session.objects)
            let pass = try ledger.openPass()
            try ledger.passOverImmutable(pass)
            if let counters { try ledger.keep(counters, pass: pass, of: .source) }
            return pass
        }
        let chunks = try await session.control.run { try Ledger($0).chunks() }
        // The others are copied whole during the cutover.
        let numbers = Set(session.deltaRelations.map(\.relationId))
        let ahead = chunks.filter { numbers.contains($0.relationId) }
        let due = ahead.count { $0.pass < pass }
        if session.run.isPassOpen, due < ahead.count {
            context.observer(
                .note(
                    "resuming pass \(pass): \(ahead.count - due) of \(ahead.count) chunks are done; run again afterwards to move all marks"
                )
            )
        }
        let objects = try await closingAfterDuplicates(session) {
            try await copyAndBuild(session, pass: pass, due: ahead.filter { $0.pass < pass }, since: counters)
        }
        try context.stop.check()
        recorder.record(.built(objects))
        try await analyze(session, pass: pass)
        try await session.ledger { ledger in
            try ledger.closePass()
            try ledger.forgetOldCounters()
            if session.run.step < .precopied { try ledger.setStep(.precopied) }
        }
        guard context.options.provesAhead, !session.deltaRelations.isEmpty else { return [] }
        let doubts = try await recorder.phase(.proveAhead) {
            try await ProvingAhead(session: session, source: source, throttle: recorder.progress.throttle).run(
                pass: pass
            )
        }
        try context.stop.check()
        return doubts
    }

    /// Closes the pass after duplicates, because only another pass copies what is then repaired on the source.
    private func closingAfterDuplicates<Result>(_ session: Session, _ body: () async throws -> Result) async throws
        -> Result
    {
        do {
            return try await body()
        } catch var error as PostgresError where error.sqlState == "23505" {
            try await session.ledger { try $0.closePass() }
            if session.scope.isStage {
                error.hint =
                    "the target has given this key to another row since it went into service: the parts of a database need keys of "
                    + "their own (a uuid, or a key that includes the tenant)"
            }
            throw error
        }
    }

    private func copyAndBuild(
        _ session: Session,
        pass: Int,
        due: [ChunkEntry],
        since counters: CounterReading?
    ) async throws -> Int {
        let copying = Flag()
        return try await recorder.phase(.copyAndBuild) {
            try await recorder.showing(chunks: due.count, bytes: Self.bytes(ofBases: due, session)) {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    group.addTask {
                        try await BuilderPool(session).build([.key, .index], settledIn: pass) { !copying.isRaised }
                    }
                    group.addTask {
                        defer { copying.raise() }
                        try await LanePool.with(session, from: source, progress: recorder.progress) { lanes in
                            // A crash of the target in the meantime may have emptied unlogged tables.
                            repeat {
                                try await copy(session, lanes, pass: pass, since: counters)
                            } while try await session.forgetEmptied()
                            try await lanes.copyLargeObjects(session, session.passContext(pass: pass, snapshot: nil))
                        }
                        return 0
                    }
                    return try await group.reduce(0, +)
                }
            }
        }
    }

    /// Roughly the bytes of chunks that have no base yet; nil if there are others, whose deltas are not known.
    private static func bytes(ofBases due: [ChunkEntry], _ session: Session) -> Int? {
        guard due.allSatisfy({ $0.mark == nil }) else { return nil }
        let numbers = Set(due.map(\.relationId))
        return session.deltaRelations.filter { numbers.contains($0.relationId) }.reduce(0) { $0 + $1.tableBytes }
    }

    private func copy(_ session: Session, _ lanes: LanePool, pass: Int, since counters: CounterReading?) async throws {
        let ofPass = session.passContext(pass: pass, snapshot: nil)
        try await Slicing(session: session, lanes: lanes).copyBases(ofPass)
        try await lanes.work(.base, ofPass)
        let settling = Settling(session: session, source: source, lanes: lanes, counters: counters)
        try await settling.lookAtScattered(pass: pass)
        try await lanes.work(.delta(pass: pass, relation: nil), ofPass)
        try await settling.settle(pass: pass)
    }

    /// The partitioned tables above some partitions that need statistics; the night would have to read all partitions.
    private func partitionedTables(
        above partitions: Set<QualifiedName>,
        of session: Session
    ) async throws -> [QualifiedName] {
        let tree = session.source.partitions
        let written = session.source.tables.filter { partitions.contains($0.qualifiedName) }
        let above = Set(written.flatMap { tree.ancestors(of: $0).map(\.qualifiedName) })
        guard !above.isEmpty else { return [] }
        let fresh = try await FreshStatistics(of: session)
        return above.filter { session.scope.contains($0) && !fresh.contains($0) }.sorted()
    }

    /// Analyzes the tables that this pass has changed; a pass that changed nothing writes no statistics either.
    private func analyze(_ session: Session, pass: Int) async throws {
        let changed = try await session.control.run { try Ledger($0).relationsWritten(in: pass) }
        let written = session.deltaRelations.filter { changed.contains($0.relationId) }.map(\.name)
        guard !written.isEmpty else { return }
        let names = try await written + partitionedTables(above: Set(written), of: session)
        recorder.warn(try await recorder.phase(.analyze) { try await BuilderPool(session).analyze(names) })
    }
}
