import Catalog
import Ledger
import Planning
import Postgres
import Report
import Synchronization
import Transfer

/// A worker process: it joins the call that is at work on a target, and takes part in it until that has ended.
struct WorkerAct: Sendable {
    /// How often the call is looked at.
    private static let pause = Duration.milliseconds(500)
    /// How long a call that met an error may take to begin again: servers are waited for, and the run is opened anew.
    private static let secondTry = Duration.seconds(90)
    /// How often it says that it still asks.
    private static let heartbeat = Duration.seconds(5)

    private let context: RunContext
    private let source: Endpoint
    private let title: String
    private let patience: Duration
    private let stays: Bool
    private let progress: TransferProgress
    private let built = Counter()
    /// The calls that it has taken part in.
    private let calls = Counter()

    /// - Parameters:
    ///   - context: The run's context.
    ///   - source: The source.
    ///   - name: Its name, for reports.
    ///   - patience: How long to wait for a call, also if the one at work was lost.
    ///   - stays: Whether to wait for further calls, as long as it takes.
    init(_ context: RunContext, from source: Endpoint, as name: String, patience: Duration, stays: Bool) {
        self.context = context
        self.source = source
        title = name
        self.patience = patience
        self.stays = stays
        progress = TransferProgress { [observer = context.observer] in observer(.note($0)) }
    }

    /// Works.
    ///
    /// - Returns: What was done.
    /// - Throws: ``LedgerError`` `.noCall` if no call began in time; ``PostgresError``.
    func run() async throws -> WorkerReport {
        let start = ContinuousClock.now
        try await Endpoint.watching(context.servers) {
            for server in context.servers { server.watch?.begin(anew: true) }
            var waitingSince = ContinuousClock.now
            while !context.stop.isRequested {
                do {
                    let hasEnded = try await takePartInNext(since: waitingSince)
                    waitingSince = .now
                    if hasEnded, !stays { break }
                } catch let error as PostgresError
                    where error.letsBeginAgain
                    && (stays || calls.value > 0 || waitingSince.duration(to: .now) < patience)
                {
                    if calls.value > 0 { waitingSince = .now }
                    // A client that takes the run over ends all sessions of the one before, also ours.
                    context.note("joining again: \(error)")
                    for server in context.servers {
                        server.watch?.begin(anew: false)
                        server.watch?.name = nil
                        server.endIdleSessions()
                    }
                    try await Task.sleep(for: Self.pause)
                }
            }
        }
        var report = WorkerReport(name: title)
        let counts = progress.counts
        report.calls = calls.value
        report.chunks = counts.chunks
        report.rows = counts.rows
        report.removedRows = counts.removedRows
        report.bytes = counts.bytes
        report.objects = built.value
        report.seconds = start.duration(to: .now) / .seconds(1)
        report.isStopped = context.stop.isRequested
        return report
    }

    /// Waits for a call, and takes part in it.
    ///
    /// - Parameter start: Since when it waits.
    /// - Returns: Whether the call has ended; false if its client was lost.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    private func takePartInNext(since start: ContinuousClock.Instant) async throws -> Bool {
        try await ThreadConfined.with(context.target, purpose: "tidemark worker") { control in
            guard let run = try await nextCall(control, since: start) else { return false }
            try await refuseOtherSource(than: run)
            let (number, relations) = try await control.run { [title, options = context.options] connection in
                let number = try Ledger(connection).join(as: title, jobs: options.jobs, indexJobs: options.indexJobs)
                try connection.rename("\(run.sessionPrefix) worker \(number) control")
                return (number, try Ledger(connection).relations())
            }
            for server in context.servers {
                server.watch?.name = run.sessionPrefix
                server.endIdleSessions()
            }
            calls.add(1)
            let client = RunEntry.client(ofEpoch: run.epoch)
            context.note("worker \(number) takes part in call \(client) of run \(run.runId.prefix(8))")
            let call = JoinedCall(
                context: context,
                source: source,
                run: run,
                number: number,
                relations: relations,
                progress: progress,
                built: built,
                isOver: Flag(),
                standing: StandingWork()
            )
            progress.throttle.set(bytesPerSecond: nil, workers: nil, isPaused: true)
            // A role that may not end this one's sessions waits for them.
            defer { for server in context.servers { server.endIdleSessions() } }
            return try await withThrowingTaskGroup(of: Bool?.self) { group in
                defer { call.isOver.raise() }
                group.addTask {
                    try await call.work()
                    return nil
                }
                group.addTask {
                    defer { call.isOver.raise() }
                    return try await follow(run, as: number, on: control, call.standing)
                }
                return try await group.reduce(false) { $1 ?? $0 }
            }
        }
    }

    /// Waits until a client is at work that has opened the run.
    private func nextCall(_ control: ThreadConfined<Connection>, since start: ContinuousClock.Instant) async throws
        -> RunEntry?
    {
        var isTold = false
        while !context.stop.isRequested {
            let found = try await call(on: control)
            if let found {
                guard found.archive == nil else {
                    throw LedgerError(
                        .otherSource,
                        "the target is being filled from archive \(found.archive ?? "")",
                        hint: "workers take part in precopy and cutover, which copy from the source itself"
                    )
                }
                return found
            }
            guard stays || start.duration(to: .now) < patience else {
                throw LedgerError(
                    .noCall,
                    "no precopy or cutover was at work on the target within \(Quantity.duration(patience))",
                    hint: "start it, then the workers; or let them wait longer: --wait, --stay"
                )
            }
            if !isTold { context.note("waiting for a precopy or a cutover to begin") }
            isTold = true
            try await Task.sleep(for: Self.pause)
        }
        return nil
    }

    /// The run, if a client is at work that has opened it.
    private func call(on control: ThreadConfined<Connection>) async throws -> RunEntry? {
        do {
            return try await control.run { connection in
                guard let run = try Ledger.run(on: connection),
                    let command = try Ledger(connection).client()?.command?.string
                else { return nil }
                return ["precopy", "cutover", "rehearsal"].contains(command) ? run : nil
            }
        } catch let error as PostgresError where ["42P01", "40P01"].contains(error.sqlState) {
            // The ledger is being dropped.
            return nil
        }
    }

    /// Refuses a source that is not the one whose rows the run copies: its marks would mean nothing there.
    private func refuseOtherSource(than run: RunEntry) async throws {
        let ours = try await Connection.with(source, purpose: "\(run.sessionPrefix) worker") {
            try DatabaseIdentity(of: $0)
        }
        guard MarkIdentity(ours) == MarkIdentity(run.source), ours.serverStartedAt == run.source.serverStartedAt else {
            throw LedgerError(
                .otherSource,
                "the run copies from \(run.source.databaseName.visible) with \(MarkIdentity(run.source).description), this source is "
                    + "\(ours.databaseName.visible) with \(MarkIdentity(ours).description), running since \(ours.serverStartedAt)",
                hint: "give the source that precopy or cutover was given, with a role that sees as much"
            )
        }
    }

    /// Follows the call, and lets this worker copy as fast as it is allowed to.
    ///
    /// - Parameters:
    ///   - run: The run when the call was joined.
    ///   - number: The number of this worker.
    ///   - control: The session by which the ledger knows it.
    ///   - standing: Receives which work is announced.
    /// - Returns: Whether the call has ended; false if its client was lost.
    /// - Throws: ``PostgresError``.
    private func follow(
        _ run: RunEntry,
        as number: Int,
        on control: ThreadConfined<Connection>,
        _ standing: StandingWork
    ) async throws -> Bool {
        var endedSince: ContinuousClock.Instant?
        var told = ContinuousClock.now
        while !context.stop.isRequested {
            let now = ContinuousClock.now
            guard let state = try await control.run({ try Ledger($0).callState(of: number, in: run.epoch) }) else {
                return true
            }
            standing.set(state.announcements, readAt: now)
            let outcome = state.ending.map { String($0.string.drop { $0 != ":" }.dropFirst(2)) }
            // After an error, the same process may begin again.
            let isOutcome = outcome.map { RunReport.Outcome(rawValue: $0) != nil } ?? false
            if state.epoch != run.epoch { return isOutcome }
            if told.duration(to: .now) > Self.heartbeat {
                told = .now
                try await control.run { try Ledger($0).noteAsking(number) }
            }
            if let share = state.share, share.epoch == run.epoch {
                progress.throttle.set(
                    bytesPerSecond: share.bytesPerSecond,
                    workers: share.jobs,
                    isPaused: share.jobs == 0
                )
            }
            if outcome != nil, !state.isHeld {
                if isOutcome { return true }
                endedSince = endedSince ?? .now
                if let endedSince, endedSince.duration(to: .now) > Self.secondTry { return true }
            } else if !state.isHeld {
                return false
            }
            try await Task.sleep(for: Self.pause)
        }
        return true
    }
}
