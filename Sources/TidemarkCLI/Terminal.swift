import ArgumentParser
import FoundationEssentials
import Glibc
import Postgres
import Report
import Synchronization
import Tidemark
import UnixSignals

/// A command's contact with its operator: reports on standard output, the rest on standard error, signals, exit code.
final class Terminal: Sendable {
    let stop = StopRequest()
    private let isQuiet: Bool
    private let log: RunLog
    private let hook: EventHook?

    private let start = Date.now
    private let directory: ReportDirectory?
    /// The report of a run that failed.
    private let failed = Mutex<RunReport?>(nil)

    private init(quiet: Bool, format: LogFormat, hook: EventHook?, directory: ReportDirectory?) {
        isQuiet = quiet
        self.hook = hook
        self.directory = directory
        log = RunLog(format)
    }

    /// Runs a command that follows a run: its log and its hook as the options say.
    ///
    /// - Parameters:
    ///   - output: The options for what is printed.
    ///   - reporting: The options for files, log and hook.
    ///   - body: The command.
    /// - Throws: `ExitCode`, unless it is 0.
    static func run(
        _ output: OutputOptions,
        _ reporting: ReportingOptions,
        body: @escaping @Sendable (Terminal) async throws -> ExitStatus
    ) async throws {
        let isJSON = reporting.logFormat == .json
        let hook = reporting.onEvent.map { command in
            EventHook(command) { text in
                // Whoever reads lines of JSON can read nothing else.
                let line = isJSON ? try? EventDocument(.warning(text))?.line() : "tidemark: \(text)"
                if let line { try? Output.errors.write(line + "\n") }
            }
        }
        try await run(quiet: output.quiet, format: reporting.logFormat, hook: hook, report: reporting.report, body)
    }

    /// Runs a command and turns its result into an exit code.
    ///
    /// The first SIGINT, SIGTERM or SIGHUP asks the run to stop after its current step, the second cancels that step.
    /// Either way everything committed stays, and the same command resumes from there. SIGHUP comes when the terminal is
    /// lost; then nobody reads the output any more, but the report's files are written.
    ///
    /// - Parameters:
    ///   - quiet: Whether only reports and errors are printed.
    ///   - format: How events are logged.
    ///   - hook: What is told of events besides.
    ///   - report: A folder to write reports to as well; checked before anything else begins.
    ///   - body: The command.
    /// - Throws: `ExitCode`, unless it is 0.
    static func run(
        quiet: Bool,
        format: LogFormat = .plain,
        hook: EventHook? = nil,
        report: String? = nil,
        _ body: @escaping @Sendable (Terminal) async throws -> ExitStatus
    ) async throws {
        // The reader of the output may close the pipe: that must not end the run.
        signal(SIGPIPE, SIG_IGN)
        let directory: ReportDirectory?
        do {
            directory = try report.map { try ReportDirectory($0) }
        } catch {
            try? Output.errors.write("tidemark: \(error)\n")
            throw ExitStatus.usage.code
        }
        let terminal = Terminal(quiet: quiet, format: format, hook: hook, directory: directory)
        // Before the work begins, so that it can be stopped from its first moment on.
        let trapped = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        let work = Task { try await body(terminal) }
        let signals = Task {
            var count = 0
            for await received in trapped {
                count += 1
                if count == 1 {
                    terminal.stop.request()
                    terminal.log.noteStop()
                    terminal.complain(
                        "\(received.name): stopping after the current step; a second Ctrl-C or SIGTERM cancels that step"
                    )
                } else {
                    work.cancel()
                }
            }
        }
        let calls = hook.map { hook in Task { await hook.run() } }
        let talk = quiet || format == .json ? nil : Task { await terminal.log.keepTalking() }
        defer {
            signals.cancel()
            talk?.cancel()
        }
        let status: ExitStatus
        do {
            status = try await work.value
        } catch {
            status = ExitStatus(error, isCancelled: work.isCancelled)
            terminal.complain(error.isStop || work.isCancelled ? "\(Stopped())" : "\(error)")
            terminal.writeFailed()
        }
        talk?.cancel()
        await talk?.value
        hook?.finish()
        await calls?.value
        if status != .done { throw status.code }
    }

    /// Prints a report.
    ///
    /// - Returns: The exit status for its outcome.
    func print(_ report: RunReport, json: Bool) throws -> ExitStatus {
        try show(report, json: json, on: .standard)
    }

    /// Prints a report to standard error, for commands whose standard output carries something else.
    func complain(_ report: RunReport, json: Bool) throws -> ExitStatus {
        try show(report, json: json, on: .errors)
    }

    /// Prints the verdict, then writes the files; a failure of either does not change the exit status.
    private func show(_ report: RunReport, json: Bool, on output: Output) throws -> ExitStatus {
        let report = resumable(report)
        var text = json ? try report.json() : report.text
        if !json, let width = output.width { text = LineWrap.wrapped(Escaping.terminal(text, lines: true), to: width) }
        do {
            try output.write(text + "\n")
        } catch {
            complain("\(error)\nHINT: the outcome was: \(report.headline)")
        }
        write(report)
        return ExitStatus(report.outcome)
    }

    private func writeFailed() {
        if let report = failed.withLock({ $0 }) { write(resumable(report)) }
    }

    /// The report with the command that goes on, if something is left to do.
    private func resumable(_ report: RunReport) -> RunReport {
        var report = report
        if [.stopped, .failed].contains(report.outcome) {
            report.resumeCommand = ResumeCommand(CommandLine.arguments, begun: start).text
        }
        return report
    }

    private func write(_ report: RunReport) {
        do {
            try directory?.write(report)
        } catch {
            complain("\(error)")
        }
    }

    func print(_ report: InspectionReport, json: Bool) throws -> ExitStatus {
        say(json ? try report.json() : report.text)
        do {
            try directory?.write(report)
        } catch {
            complain("\(error)")
        }
        return report.isClear ? .done : .failed
    }

    /// Prints the text that the command was called for.
    ///
    /// - Throws: ``OutputError`` if it cannot be written.
    func print(_ text: String) throws {
        try Output.standard.write(text + "\n")
    }

    /// Prints SQL that another program may read: unchanged, unless standard output is a terminal.
    ///
    /// - Throws: ``OutputError``.
    func print(script: String) throws {
        if isatty(STDOUT_FILENO) == 1 { return try print(script) }
        try Output.standard.writeRaw(script + "\n")
    }

    /// Prints what was done; failing to print is not an error, because the exit code says it as well.
    func say(_ text: String) {
        do {
            try print(text)
        } catch {
            complain("\(error)")
        }
    }

    /// Prints to standard error; if that fails too, only the exit code remains.
    func complain(_ text: String) {
        log.print("tidemark: \(text)")
    }

    /// Shows an event of a run.
    func show(_ event: RunEvent) {
        // Written to files after the error was printed.
        if case .ended(let report) = event, report.outcome == .failed { failed.withLock { $0 = report } }
        if let hook, let document = EventDocument(event) { hook.send(document) }
        guard !isQuiet else { return }
        log.show(event)
    }
}

extension UnixSignal {
    /// Its name as operators know it.
    fileprivate var name: String {
        switch self {
        case .sigint: "Ctrl-C"
        case .sigterm: "SIGTERM"
        case .sighup: "SIGHUP"
        default: "signal"
        }
    }
}
