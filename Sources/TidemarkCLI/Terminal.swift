import ArgumentParser
import Glibc
import Ledger
import Postgres
import Report
import Synchronization
import Tidemark
import UnixSignals

/// The operator's side of a command: reports on standard output, everything else on standard error, signals, exit code.
final class Terminal: Sendable {
    let stop = StopRequest()
    private let isQuiet: Bool
    private let log: RunLog

    private let directory: ReportDirectory?
    /// How far a run came that has failed.
    private let failed = Mutex<RunReport?>(nil)

    private init(quiet: Bool, directory: ReportDirectory?) {
        isQuiet = quiet
        self.directory = directory
        log = RunLog()
    }

    /// Runs a command to its exit code.
    ///
    /// The first SIGINT or SIGTERM asks the run to stop at a point of safe return, the second cancels what is running;
    /// either way everything committed stays and the same command goes on from there.
    ///
    /// - Parameters:
    ///   - quiet: Whether nothing but reports and errors is said.
    ///   - report: The folder reports are written to as well; checked before anything else begins.
    ///   - body: The command.
    /// - Throws: `ExitCode`, unless it is 0.
    static func run(
        quiet: Bool,
        report: String? = nil,
        _ body: @escaping @Sendable (Terminal) async throws -> ExitStatus
    ) async throws {
        // Whoever reads the output may go away: that is no reason to end what is being done.
        signal(SIGPIPE, SIG_IGN)
        let directory: ReportDirectory?
        do {
            directory = try report.map { try ReportDirectory($0) }
        } catch {
            try? Output.errors.write("tidemark: \(error)\n")
            throw ExitStatus.usage.code
        }
        let terminal = Terminal(quiet: quiet, directory: directory)
        // Before the work begins: from its first moment on it can be asked to stop.
        let trapped = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let work = Task { try await body(terminal) }
        let signals = Task {
            var count = 0
            for await _ in trapped {
                count += 1
                if count == 1 {
                    terminal.stop.request()
                    terminal.complain("stopping after what is at hand; once more to cancel it")
                } else {
                    work.cancel()
                }
            }
        }
        let talk = quiet ? nil : Task { await terminal.log.keepTalking() }
        defer {
            signals.cancel()
            talk?.cancel()
        }
        let status: ExitStatus
        do {
            status = try await work.value
        } catch {
            status = ExitStatus(error, isCancelled: work.isCancelled)
            terminal.complain(error.isStop ? "\(Stopped())" : "\(error)")
            terminal.writeFailed()
        }
        if status != .done { throw status.code }
    }

    /// Prints a report.
    ///
    /// - Returns: The exit status it stands for.
    func print(_ report: RunReport, json: Bool) throws -> ExitStatus {
        try show(report, json: json, on: .standard)
    }

    /// The same on standard error, where standard output carries something else.
    func complain(_ report: RunReport, json: Bool) throws -> ExitStatus {
        try show(report, json: json, on: .errors)
    }

    /// The verdict first, then the files: what was done and proven stays so, whether or not anybody can be told.
    private func show(_ report: RunReport, json: Bool, on output: Output) throws -> ExitStatus {
        let text = json ? try report.json() : report.text
        do {
            try output.write(text + "\n")
        } catch {
            complain("\(error)\nHINT: the outcome was: \(report.headline)")
        }
        write(report)
        return ExitStatus(report.outcome)
    }

    private func writeFailed() {
        if let report = failed.withLock({ $0 }) { write(report) }
    }

    private func write(_ report: RunReport) {
        do {
            try directory?.write(report)
        } catch {
            complain("\(error)")
        }
    }

    func print(_ report: InspectionReport, json: Bool) throws -> ExitStatus {
        tell(json ? try report.json() : report.text)
        return report.isClear ? .done : .failed
    }

    /// Prints what the command was called for.
    ///
    /// - Throws: ``OutputError`` when nobody takes it.
    func print(_ text: String) throws {
        try Output.standard.write(text + "\n")
    }

    /// Prints SQL that another program may read: as it is, but to a terminal.
    ///
    /// - Throws: ``OutputError``.
    func print(script: String) throws {
        if isatty(STDOUT_FILENO) == 1 { return try print(script) }
        try Output.standard.writeRaw(script + "\n")
    }

    /// Says what was done: the exit code says it as well, whether or not anybody takes the text.
    func tell(_ text: String) {
        do {
            try print(text)
        } catch {
            complain("\(error)")
        }
    }

    /// Where nobody takes errors either, the exit code is what is left.
    func complain(_ text: String) {
        try? Output.errors.write("tidemark: \(text)\n")
    }

    /// Shows what a run tells.
    func show(_ event: RunEvent) {
        // Written when the error has been told.
        if case .failed(let report) = event { failed.withLock { $0 = report } }
        guard !isQuiet else { return }
        log.show(event)
    }
}
