import Catalog
import Ledger
import Planning
import Postgres
import Synchronization
import Transfer

/// The workers of a run: one lane per job, each on its own thread.
struct LanePool: Sendable {
    let lanes: [ThreadConfined<Lane>]
    let session: Session
    let progress: TransferProgress
    let stop: StopRequest
    /// Whether its sessions on the source end if another session waits for them.
    private let givesWay: Bool

    /// Opens the lanes for as long as `body` runs.
    static func with<Result: Sendable>(
        _ session: Session,
        from source: Endpoint,
        progress: TransferProgress,
        _ body: (LanePool) async throws -> Result
    ) async throws -> Result {
        let (target, stop) = (session.copyTarget, session.context.stop)
        return try await ThreadConfined.several(
            session.context.options.jobs,
            { number, interrupter in
                let purpose = session.purpose("copy \(number)")
                return try Lane(
                    source: source,
                    target: target,
                    number: number,
                    purpose: purpose,
                    interrupter: interrupter
                )
            }
        ) { lanes in
            try await body(
                LanePool(lanes: lanes, session: session, progress: progress, stop: stop, givesWay: source.givesWay)
            )
        }
    }

    /// Lets all lanes work until no chunk of the stage is left; the first error ends the others.
    ///
    /// The ledger says what they do meanwhile. After the loss of a snapshot the lanes can be used with another one.
    func work(_ stage: ChunkStage, _ context: PassContext) async throws {
        try await announcing(.chunks(stage), context) {
            try await onAll(context) { [progress, stop] lane, isOver in
                try ChunkWorker(lane: lane, context: context, progress: progress, stop: stop).work(stage, until: isOver)
            }
        }
    }

    /// Lets other processes take part in the work, and repeats it until nothing is left, neither here nor there.
    ///
    /// - Parameters:
    ///   - task: What is worked on.
    ///   - context: The pass.
    ///   - failed: What cannot be done: see `Ledger.withdrawIfOver`.
    ///   - body: Works until nothing is left to claim.
    /// - Throws: What `body` throws, ``PostgresError``, ``LedgerError``.
    func announcing(
        _ task: AnnouncedWork.Task,
        _ context: PassContext,
        without failed: @escaping @Sendable () -> [Int] = { [] },
        _ body: () async throws -> Void
    ) async throws {
        let work = AnnouncedWork(
            task,
            pass: context.pass,
            in: context.snapshot,
            keepsTriggersOff: context.keepsTriggersOff,
            writesAsReplica: session.writesAsReplica,
            longestTransaction: session.context.options.longestTransaction,
            givesWay: givesWay,
            ownersTables: context.snapshot == nil ? [] : session.scatteredTables
        )
        try await session.announcing(work, without: failed, body)
    }

    /// Lets all lanes work; the loss of a shared snapshot ends the others between two pieces of work.
    func onAll(
        _ context: PassContext,
        _ body: @escaping @Sendable (_ lane: Lane, _ isOver: () -> Bool) throws -> Void
    ) async throws {
        let (lost, ended) = (LostSnapshot(), Flag())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in lanes {
                group.addTask {
                    try await lane.run { lane in
                        lane.isNothingLeft = { ended.isRaised }
                        defer { lane.isNothingLeft = { false } }
                        do {
                            try body(lane) { lost.error != nil }
                            ended.raise()
                        } catch let error as PostgresError where error.losesSnapshot && context.snapshot != nil {
                            lost.note(error)
                            try lane.recover()
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        if let error = lost.error { throw error }
        try stop.check()
    }

    /// Copies the large objects, several ranges at a time.
    func copyLargeObjects(_ session: Session, _ context: PassContext) async throws {
        guard !session.scope.omits(.largeObjects) else { return }
        let ranges = try await withOne { lane in
            try lane.reading(in: context.snapshot) { try LargeObjectRange.all(of: lane.source) }
        }
        let queue = LargeObjectQueue(ranges)
        let attributes = LargeObjectAttributes(in: session.scope)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in lanes.prefix(ranges.count) {
                group.addTask { [progress, stop] in
                    try await lane.run { lane in
                        try LargeObjectWorker(
                            lane: lane,
                            context: context,
                            attributes: attributes,
                            progress: progress,
                            stop: stop
                        ).work(queue)
                    }
                }
            }
            try await group.waitForAll()
        }
        try stop.check()
    }

    /// Runs work that needs one connection to each side.
    func withOne<Result: Sendable>(_ body: @escaping @Sendable (Lane) throws -> Result) async throws -> Result {
        try await lanes[0].run(body)
    }
}

/// The loss of a snapshot that several lanes read, recorded by the first lane that notices it.
private final class LostSnapshot: Sendable {
    private let state = Mutex<PostgresError?>(nil)

    var error: PostgresError? { state.withLock(\.self) }

    func note(_ error: PostgresError) {
        state.withLock { $0 = $0 ?? error }
    }
}
