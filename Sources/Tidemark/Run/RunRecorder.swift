import FoundationEssentials
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Synchronization
import Transfer
import Verification

/// Builds a run's report while it works: phases with their durations, counts, warnings.
final class RunRecorder: Sendable {
    let progress: TransferProgress
    private let report: Mutex<RunReport>
    let observer: @Sendable (RunEvent) -> Void
    let beginning = ContinuousClock.now
    private let servers: [Endpoint]
    private let stop: StopRequest
    private let beginsAgain: Bool
    let maxRate: Int?
    private let time = Mutex<Timekeeper?>(nil)
    let currentPhase = Mutex<(phase: RunPhase, begun: ContinuousClock.Instant)?>(nil)

    /// What judges after each phase whether the run ends in time; nil: there is no deadline.
    var timekeeper: Timekeeper? {
        get { time.withLock(\.self) }
        set { time.withLock { $0 = newValue } }
    }

    convenience init(_ command: String, _ context: RunContext) {
        self.init(
            command,
            source: context.origin.description,
            target: context.target.description,
            on: context.servers,
            stop: context.stop,
            maxRate: context.options.maxRate,
            observer: context.observer
        )
    }

    convenience init(_ command: String, _ archive: ArchiveContext, to target: Endpoint) {
        self.init(
            command,
            source: archive.path,
            target: target.description,
            on: [target],
            stop: archive.stop,
            observer: archive.observer
        )
    }

    /// Creates a recorder with an empty report.
    ///
    /// - Parameters:
    ///   - command: The command that is run.
    ///   - source: The name of the source for the report.
    ///   - target: The name of the target for the report.
    ///   - servers: The servers whose sessions are watched.
    ///   - stop: Checked before the work begins again.
    ///   - maxRate: The bytes a second that may be copied; nil: no limit.
    ///   - beginsAgain: Whether the work may begin again after a transient failure.
    ///   - observer: Receives events.
    init(
        _ command: String,
        source: String,
        target: String,
        on servers: [Endpoint],
        stop: StopRequest,
        maxRate: Int? = nil,
        beginsAgain: Bool = true,
        observer: @escaping @Sendable (RunEvent) -> Void
    ) {
        self.observer = observer
        self.servers = servers
        self.stop = stop
        self.beginsAgain = beginsAgain
        self.maxRate = maxRate
        progress = TransferProgress(throttle: Throttle(bytesPerSecond: maxRate)) { observer(.note($0)) }
        report = Mutex(
            RunReport(
                command: command,
                toolVersion: Versions.tidemark,
                source: source,
                target: target,
                startedAt: Date.now.formatted(.iso8601)
            )
        )
    }

    /// Runs all of the work, and reports what was done even if it is stopped or fails.
    func recording(_ body: () async throws -> RunReport) async throws -> RunReport {
        observer(.began(report.withLock(\.self)))
        observer(.phaseBegan(.preparation))
        do {
            return ended(try await Endpoint.watching(servers) { try await persevering(body) })
        } catch let error where error.isStop {
            return ended(finish(.stopped))
        } catch let error as PastDeadline {
            warn(["\(error)"])
            report.withLock { $0.isPastDeadline = true }
            return ended(finish(.stopped))
        } catch  where Task.isCancelled {
            // A connection or child process that was ended while it worked reports that with an error of its own.
            warn(["the current step was cancelled: \(error)"])
            return ended(finish(.stopped))
        } catch {
            if stop.isRequested, isEndOfWaiting(error) { return ended(finish(.stopped)) }
            report.withLock { $0.failure = "\(error)" }
            _ = ended(finish(.failed))
            throw error
        }
    }

    /// Whether an error only means that waiting was ended because a stop was requested.
    private func isEndOfWaiting(_ error: any Error) -> Bool {
        (error as? PostgresError)?.code == .cancelled && !Task.isCancelled || hasEndedChild && error is ToolError
    }

    /// Reports the work as not proven if it ended because the source is in use, or because it and another session waited for
    /// each other.
    ///
    /// - Parameter error: The error that ended the work.
    /// - Returns: The outcome, not proven.
    /// - Throws: The error, if it had another cause.
    func unproven(by error: any Error) throws -> RunReport.Outcome {
        if let error = error as? SourceInUse {
            var verification = VerificationResult(method: "")
            verification.notProven = error.late.reasons
            record(.verified(verification))
            record(.late(error.late))
            return .notProven
        }
        guard let standstill = servers.lazy.compactMap({ $0.watch?.standstill }).first, !Task.isCancelled else {
            throw error
        }
        var verification = VerificationResult(method: "")
        verification.notProven = [standstill.description]
        record(.verified(verification))
        return .notProven
    }

    private var hasEndedChild: Bool { servers.contains { $0.watch?.hasEndedChild == true } }

    /// What the report says about the time of a run that ends now.
    func timedRun() -> TimedRun {
        let counts = progress.counts
        return report.withLock { report in
            TimedRun(
                endedAt: Date.now.formatted(.iso8601),
                seconds: report.seconds,
                rows: counts.rows,
                bytes: counts.bytes,
                phases: report.phases.map { .init(phase: $0.name, seconds: $0.seconds) }
            )
        }
    }

    // MARK: Beginning again

    /// How many short attempts are made in a row.
    private static let attempts = 6
    /// An attempt that lasted longer than this is not counted as short.
    private static let worthwhile = Duration.seconds(120)

    /// Runs the work, and begins again after a server was restarted or after the work gave way to another session.
    ///
    /// What was committed stays. What is held for other sessions (a snapshot, the run itself) is acquired again.
    private func persevering(_ body: () async throws -> RunReport) async throws -> RunReport {
        for server in servers { server.watch?.begin(anew: true) }
        var attempt = 1
        while true {
            let start = ContinuousClock.now
            do {
                return try await body()
            } catch {
                if start.duration(to: .now) > Self.worthwhile { attempt = 1 }
                guard beginsAgain, attempt < Self.attempts, letsBeginAgain(error), !stop.isRequested, !Task.isCancelled
                else {
                    throw error
                }
                attempt += 1
                observer(.note("beginning again from what is committed: \(error)"))
                progress.countRetry()
                record(.beganAgain)
                for server in servers { server.watch?.begin(anew: false) }
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private func letsBeginAgain(_ error: any Error) -> Bool {
        switch error {
        case let error as PostgresError: error.letsBeginAgain
        case let error as ToolError: hasEndedChild || error.isLossOfServer
        default: false
        }
    }

    /// Runs the work of a session; however it ends, the report includes what the ledger recorded.
    ///
    /// - Parameters:
    ///   - session: The session that does the work.
    ///   - body: The work; returns its outcome, and warnings besides the session's own.
    /// - Returns: The report.
    /// - Throws: What the body throws.
    func recording(
        _ session: Session,
        _ body: () async throws -> (outcome: RunReport.Outcome, warnings: [String])
    ) async throws -> RunReport {
        warn(session.warnings)
        if session.scope.isStage { update { $0.isStage = true } }
        await note(Ledger.beganKind, in: session)
        let companions = [Task { await announcePhases(in: session) }, Task { await shareThrottle(in: session) }]
        defer { for companion in companions { companion.cancel() } }
        do {
            let (outcome, warnings) = try await body()
            await collect(from: session)
            warn(warnings)
            await note(Ledger.endedKind, as: outcome.rawValue, in: session)
            return finish(outcome)
        } catch {
            await collect(from: session)
            await note(Ledger.endedKind, as: error.isStop ? "stopped" : "\(error)", in: session)
            throw error
        }
    }

    /// Runs a phase, reports it, and measures its duration with a monotonic clock, even if it fails.
    func phase<Result>(_ phase: RunPhase, _ body: () async throws -> Result) async throws -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        let waited = Double(beginning.duration(to: start).wholeMicroseconds) / 1e6
        // The time for reading catalogs and definitions counts as a phase too.
        if report.withLock({ $0.phases.isEmpty }) {
            record(.phaseEnded(.init(name: RunPhase.preparation.rawValue, start: 0, seconds: waited)))
        }
        record(.phaseBegan(phase))
        currentPhase.withLock { $0 = (phase, start) }
        StatusPoint.phaseBegun.reached()
        defer {
            let seconds = Double(start.duration(to: clock.now).wholeMicroseconds) / 1e6
            record(.phaseEnded(.init(name: phase.rawValue, start: waited, seconds: seconds)))
        }
        let result = try await body()
        timekeeper?.ended(phase)
        return result
    }

    /// Reports the progress of copying about once a second while `body` runs.
    func showing<Result: Sendable>(
        chunks: Int,
        bytes allBytes: Int? = nil,
        _ body: () async throws -> Result
    ) async throws -> Result {
        let start = ContinuousClock.now
        let ticker = Task { [observer, progress] in
            let before = progress.counts
            var rate = RecentRate(bytes: before.bytes, at: start)
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                let (counts, now) = (progress.counts, ContinuousClock.now)
                rate.add(bytes: counts.bytes, at: now)
                let done = counts.chunks - before.chunks
                observer(
                    .progress(
                        RunProgress(
                            chunks: done,
                            // Chunks may have been cut meanwhile.
                            allChunks: max(chunks, done),
                            bytes: counts.bytes - before.bytes,
                            allBytes: allBytes,
                            seconds: Double(start.duration(to: now).wholeMicroseconds) / 1e6,
                            bytesPerSecond: rate.bytesPerSecond,
                            tables: progress.tablesAtWork.map(\.description)
                        )
                    )
                )
            }
        }
        defer { ticker.cancel() }
        return try await body()
    }

    /// Adds what the ledger recorded about this run, if it can be read.
    private func collect(from session: Session) async {
        await countWorkers(of: session)
        let work = try? await session.control.run { [epoch = session.epoch] connection in
            let ledger = Ledger(connection, epoch: epoch)
            let step = try Ledger.run(on: connection)?.step
            return (tables: try ledger.tableWork(), statements: try ledger.statementWork(), step: step)
        }
        guard let work else { return }
        update { report in
            report.step = work.step?.rawValue
            report.tables = work.tables.map { table in
                RunReport.TableWork(
                    name: QualifiedName(schema: table.schemaName, name: table.tableName).description,
                    chunks: table.chunks,
                    rows: table.rows,
                    bytes: table.bytes,
                    seconds: Double(table.milliseconds) / 1000
                )
            }
            report.statements = work.statements.map { statement in
                RunReport.Statement(sql: statement.statement.string, seconds: Double(statement.milliseconds) / 1000)
            }
        }
    }

    /// Adds warnings for the operator.
    func warn(_ warnings: [String]) { for warning in warnings { record(.warning(warning)) } }

    /// Adds an event to the report and passes it on.
    func record(_ event: RunEvent) {
        report.withLock { $0.apply(event) }
        observer(event)
    }

    private func ended(_ report: RunReport) -> RunReport {
        observer(.ended(report))
        return report
    }

    func update(_ change: @Sendable (inout RunReport) -> Void) {
        report.withLock { change(&$0) }
    }

    /// Returns the report with the outcome and all counts.
    func finish(_ outcome: RunReport.Outcome) -> RunReport {
        let counts = progress.counts
        return report.withLock { report in
            report.outcome = outcome
            report.transfer.chunks = counts.chunks
            report.transfer.unchangedChunks = counts.unchangedChunks
            report.transfer.reconciledChunks = counts.reconciledChunks
            report.transfer.rows = counts.rows
            report.transfer.removedRows = counts.removedRows
            report.transfer.bytes = counts.bytes
            report.transfer.retries = counts.retries
            report.transfer.largeObjects = counts.largeObjects
            report.transfer.removedLargeObjects = counts.removedLargeObjects
            return report
        }
    }
}

/// Bytes a second during the last seconds: older ones count less and less.
private struct RecentRate {
    /// What the newest second counts; the rest is the average before.
    private static let weight = 0.3

    private var bytes: Int
    private var at: ContinuousClock.Instant
    private(set) var bytesPerSecond = 0.0
    private var isFirst = true

    init(bytes: Int, at: ContinuousClock.Instant) {
        (self.bytes, self.at) = (bytes, at)
    }

    mutating func add(bytes: Int, at now: ContinuousClock.Instant) {
        let seconds = Double(at.duration(to: now).wholeMicroseconds) / 1e6
        guard seconds > 0 else { return }
        let newest = Double(bytes - self.bytes) / seconds
        bytesPerSecond = isFirst ? newest : Self.weight * newest + (1 - Self.weight) * bytesPerSecond
        (self.bytes, at, isFirst) = (bytes, now, false)
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
