import FoundationEssentials
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Synchronization
import Transfer
import Verification

/// Puts a run's report together while it works: phases with their durations, counts, warnings.
final class RunRecorder: Sendable {
    let progress: TransferProgress
    private let report: Mutex<RunReport>
    private let observer: @Sendable (RunEvent) -> Void
    private let beginning = ContinuousClock.now
    private let servers: [Endpoint]
    private let stop: StopRequest
    private let beginsAgain: Bool

    convenience init(_ command: String, _ migration: Migration) {
        self.init(
            command,
            source: migration.source.description,
            target: migration.target.description,
            on: [migration.source, migration.target],
            stop: migration.stop,
            observer: migration.observer
        )
    }

    /// - Parameters:
    ///   - command: What is done.
    ///   - source: Where the rows come from, for people.
    ///   - target: Where they go, for people.
    ///   - servers: Those whose sessions are seen to.
    ///   - stop: Asked before the work begins again.
    ///   - beginsAgain: Whether it may.
    ///   - observer: Told what happens.
    init(
        _ command: String,
        source: String,
        target: String,
        on servers: [Endpoint],
        stop: StopRequest,
        beginsAgain: Bool = true,
        observer: @escaping @Sendable (RunEvent) -> Void
    ) {
        self.observer = observer
        self.servers = servers
        self.stop = stop
        self.beginsAgain = beginsAgain
        progress = TransferProgress { observer(.note($0)) }
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

    /// Runs the whole, and tells how far it came when it is stopped or fails.
    func recording(_ body: () async throws -> RunReport) async throws -> RunReport {
        do {
            return try await Endpoint.watching(servers) { try await persevering(body) }
        } catch let error where error.isStop {
            return finish(.stopped)
        } catch  where Task.isCancelled {
            // A connection or a child that was ended in the middle of something tells of it in its own way.
            warn(["what was at hand was cancelled: \(error)"])
            return finish(.stopped)
        } catch {
            if stop.isRequested, isEndOfWaiting(error) { return finish(.stopped) }
            report.withLock { $0.failure = "\(error)" }
            observer(.failed(finish(.failed)))
            throw error
        }
    }

    /// What was waited for was given up, or the process that waited was ended: somebody has asked to stop.
    private func isEndOfWaiting(_ error: any Error) -> Bool {
        (error as? PostgresError)?.code == .cancelled && !Task.isCancelled || hasEndedChild && error is ToolError
    }

    /// What to say of work that waited for somebody who waited for it: that proves nothing.
    ///
    /// - Parameter error: What ended the work.
    /// - Returns: The outcome.
    /// - Throws: The error, where it was something else.
    func unproven(by error: any Error) throws -> RunReport.Outcome {
        guard let standstill = servers.lazy.compactMap({ $0.watch?.standstill }).first, !Task.isCancelled else {
            throw error
        }
        update { report in
            var verification = VerificationResult(method: "")
            verification.notProven = [standstill.description]
            report.verification = verification
        }
        return .notProven
    }

    private var hasEndedChild: Bool { servers.contains { $0.watch?.hasEndedChild == true } }

    // MARK: Beginning again

    /// So many attempts in a row may end at once.
    private static let attempts = 6
    /// An attempt that lasted so long is no such one.
    private static let worthwhile = Duration.seconds(120)

    /// Does the work again where a server was restarted, or where it was in somebody's way: whatever was committed stays,
    /// and all that is held for others (a snapshot, the run itself) is taken again.
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
                report.withLock { $0.warnings = [] }
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

    /// Does a session's work; however that ends, the report has what the ledger tells of it.
    ///
    /// - Parameters:
    ///   - session: The session.
    ///   - body: The work; returns its outcome, and warnings beside the session's.
    /// - Returns: The report.
    /// - Throws: What the body throws.
    func recording(
        _ session: Session,
        _ body: () async throws -> (outcome: RunReport.Outcome, warnings: [String])
    ) async throws -> RunReport {
        warn(session.warnings)
        do {
            let (outcome, warnings) = try await body()
            await collect(from: session)
            warn(warnings)
            return finish(outcome)
        } catch {
            await collect(from: session)
            throw error
        }
    }

    /// Runs a phase, tells it and times it, also when it fails.
    ///
    /// The clock is monotonic.
    func phase<Result>(_ name: String, _ body: () async throws -> Result) async throws -> Result {
        observer(.phase(name))
        let clock = ContinuousClock()
        let start = clock.now
        let waited = Double(beginning.duration(to: start).wholeMicroseconds) / 1e6
        // Reading catalogs and definitions takes its time as well.
        report.withLock { report in
            if report.phases.isEmpty { report.phases.append(.init(name: "preparation", start: 0, seconds: waited)) }
        }
        defer {
            let phase = RunReport.Phase(
                name: name,
                start: waited,
                seconds: Double(start.duration(to: clock.now).wholeMicroseconds) / 1e6
            )
            report.withLock { $0.phases.append(phase) }
        }
        return try await body()
    }

    /// Tells about once a second how far the copying is, as long as `body` runs.
    func showing<Result: Sendable>(chunks: Int, _ body: () async throws -> Result) async throws -> Result {
        let start = ContinuousClock.now
        let ticker = Task { [observer, progress] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                let counts = progress.counts
                let seconds = Double(start.duration(to: .now).wholeMicroseconds) / 1e6
                observer(
                    .progress(
                        RunProgress(chunks: counts.chunks, allChunks: chunks, bytes: counts.bytes, seconds: seconds)
                    )
                )
            }
        }
        defer { ticker.cancel() }
        return try await body()
    }

    /// Adds what the ledger tells of this run; a report without it is better than none.
    private func collect(from session: Session) async {
        let work = try? await session.control.run { [epoch = session.epoch] connection in
            let ledger = Ledger(connection, epoch: epoch)
            return (tables: try ledger.tableWork(), statements: try ledger.statementWork())
        }
        guard let work else { return }
        update { report in
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

    /// Adds what the operator should know.
    func warn(_ warnings: [String]) { report.withLock { $0.warnings += warnings } }

    func update(_ change: @Sendable (inout RunReport) -> Void) {
        report.withLock { change(&$0) }
    }

    /// The report, with all that was counted.
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

extension Duration {
    fileprivate var wholeMicroseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
