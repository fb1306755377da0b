import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Synchronization
import Transfer

/// A call of another process that this one takes part in: a precopy or a cutover.
///
/// The ledger tells what there is to do. What this process claims, it claims as the owning client's own workers do; only the
/// announcement has to stand as well.
struct JoinedCall: Sendable {
    /// How long to wait before looking for an announcement.
    private static let pause = Duration.milliseconds(200)
    /// How long to wait before looking again for more of the same work: it opens sessions.
    private static let longPause = Duration.seconds(1)

    let context: RunContext
    let source: Endpoint
    /// The run as it was when the call was joined.
    let run: RunEntry
    /// This worker's number in the ledger.
    let number: Int
    let relations: [RelationEntry]
    let progress: TransferProgress
    let built: Counter
    /// Raised when the call is over.
    let isOver: Flag
    /// What is announced in the ledger.
    let standing: StandingWork

    private var prefix: String { "\(run.sessionPrefix) worker \(number)" }

    /// Copies and builds until the call is over.
    ///
    /// - Throws: ``PostgresError`` if the target is lost.
    func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await takePart(in: .copy, copy) }
            group.addTask { try await takePart(in: .build, build) }
            try await group.waitForAll()
        }
    }

    private var isAtEnd: Bool { isOver.isRaised || context.stop.isRequested || Task.isCancelled }

    /// Takes part in each announced piece of work.
    ///
    /// - Parameters:
    ///   - kind: The kind of work.
    ///   - body: Works until nothing is left to claim.
    /// - Throws: ``PostgresError`` if the target is lost.
    private func takePart(
        in kind: AnnouncedWork.Kind,
        _ body: @escaping @Sendable (Ledger.Announcement) async throws -> Void
    ) async throws {
        let epoch = run.epoch
        try await ThreadConfined.with(context.target, purpose: "\(prefix) ledger") { ledger in
            var (given, last): (Int?, Int?) = (nil, nil)
            while !isAtEnd {
                let found = try await ledger.run { try Ledger($0, epoch: epoch).announcement(kind) }
                if let found, found.number != given {
                    do {
                        try await body(found)
                    } catch let error where !error.isStop && !Task.isCancelled {
                        // The owning client meets the same error, if it lies in the data, and reports it.
                        given = found.number
                        if !Self.isEnd(error) { context.note("worker \(number) leaves this to others: \(error)") }
                    }
                }
                // Sessions that stay would look as if rows were still being written.
                for server in context.servers { server.endIdleSessions() }
                let isAgain = found?.number == last
                last = found?.number
                try await Task.sleep(for: isAgain && found != nil ? Self.longPause : Self.pause)
            }
        }
    }

    /// Whether an error only means that others do not need this worker any more.
    private static func isEnd(_ error: any Error) -> Bool {
        switch error {
        case let error as LedgerError: error.code == .withdrawn || error.code == .fenced
        case let error as PostgresError: error.losesSnapshot
        default: false
        }
    }

    private func claimant(of announcement: Ledger.Announcement) -> Claimant {
        Claimant(epoch: run.epoch, .init(worker: number, announcement: announcement.number))
    }

    // MARK: Rows

    private func copy(_ announcement: Ledger.Announcement) async throws {
        let work = announcement.work
        let pass = PassContext(
            pass: work.pass,
            claimant: claimant(of: announcement),
            relations: relations,
            identity: MarkIdentity(run.source),
            snapshot: work.snapshot,
            keepsTriggersOff: work.keepsTriggersOff,
            keepsForeignKeys: work.writesAsReplica,
            longestTransaction: work.longestTransaction,
            workers: context.options.jobs,
            leaving: Set(work.ownersTables)
        )
        let from = work.givesWay ? source.givingWay : source
        let target = work.writesAsReplica ? context.target.asReplica : context.target
        // Lanes that wait for their turn end when another one has found that nothing is left.
        let (progress, stop, isOver, ended) = (progress, context.stop, isOver, Flag())
        let (standing, number, start) = (standing, announcement.number, ContinuousClock.now)
        let purpose = "\(prefix) copy"
        try await ThreadConfined<Lane>.each(
            context.options.jobs,
            { number, interrupter in
                try Lane(
                    source: from,
                    target: target,
                    number: number,
                    purpose: "\(purpose) \(number)",
                    interrupter: interrupter
                )
            },
            body: { lane, _ in
                lane.isNothingLeft = {
                    isOver.isRaised || ended.isRaised || standing.isWithdrawn(number, since: start)
                }
                defer { ended.raise() }
                switch work.task {
                case .chunks(let stage):
                    try ChunkWorker(lane: lane, context: pass, progress: progress, stop: stop).work(stage) {
                        isOver.isRaised
                    }
                case .slices:
                    let worker = SliceWorker(
                        lane: lane,
                        context: pass,
                        progress: progress,
                        stop: stop,
                        void: VoidSlices()
                    )
                    try worker.work { isOver.isRaised }
                case .objects: break
                }
            }
        )
    }

    // MARK: Objects

    private func build(_ announcement: Ledger.Announcement) async throws {
        guard case .objects(let stages, let pass) = announcement.work.task else { return }
        let jobs = context.options.indexJobs
        let budget = BuildBudget(memoryBytes: context.options.indexMemoryBytes, jobs: jobs)
        let (failures, atWork) = (BuildFailures(), BuildsAtWork())
        let (claimant, stop, built, isOver) = (claimant(of: announcement), context.stop, built, isOver)
        try await Connection.each(jobs, context.target, purpose: "\(prefix) build") { connection, _ in
            let builder = try ObjectBuilder(
                connection,
                claimant: claimant,
                budget: budget,
                stop: stop,
                failures: failures,
                atWork: atWork,
                uniqueColumns: [:]
            ) { object, _ in
                if object.stepsDone + 1 == object.statements.count { built.add(1) }
            }
            try builder.build(stages, settledIn: pass, until: { isOver.isRaised }, while: { !isOver.isRaised })
        }
        try failures.throwIfAny()
    }
}
