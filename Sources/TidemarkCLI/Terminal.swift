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
        let directory: ReportDirectory?
        do {
            directory = try report.map { try ReportDirectory($0) }
        } catch {
            write("tidemark: \(error)\n", to: STDERR_FILENO)
            throw ExitStatus.usage.code
        }
        let terminal = Terminal(quiet: quiet, directory: directory)
        let work = Task { try await body(terminal) }
        let signals = Task {
            var count = 0
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
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
            terminal.complain("\(error)")
            status = ExitStatus(error)
        }
        if status != .done { throw status.code }
    }

    /// Prints a report.
    ///
    /// - Returns: The exit status it stands for.
    func print(_ report: RunReport, json: Bool) throws -> ExitStatus {
        try directory?.write(report)
        print(json ? try report.json() : report.text)
        return ExitStatus(report.outcome)
    }

    /// The same on standard error, where standard output carries something else.
    func complain(_ report: RunReport, json: Bool) throws -> ExitStatus {
        try directory?.write(report)
        Self.write((json ? try report.json() : report.text) + "\n", to: STDERR_FILENO)
        return ExitStatus(report.outcome)
    }

    func print(_ report: InspectionReport, json: Bool) throws {
        print(json ? try report.json() : report.text)
    }

    func print(_ text: String) {
        Self.write(text + "\n", to: STDOUT_FILENO)
    }

    /// Prints SQL that another program may read: as it is, but to a terminal.
    func print(script: String) {
        if isatty(STDOUT_FILENO) == 1 { return print(script) }
        Self.writeRaw(script + "\n", to: STDOUT_FILENO)
    }

    func complain(_ text: String) {
        Self.write("tidemark: \(text)\n", to: STDERR_FILENO)
    }

    /// Shows what a run tells.
    func show(_ event: RunEvent) {
        if case .failed(let report) = event {
            do {
                try directory?.write(report)
            } catch {
                complain("\(error)")
            }
        }
        guard !isQuiet else { return }
        log.show(event)
    }

    /// Writes text for people: whatever names it holds, none of them moves a cursor.
    static func write(_ text: String, to descriptor: Int32) {
        writeRaw(Escaping.terminal(text, lines: true), to: descriptor)
    }

    private static func writeRaw(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
                guard written > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
            }
        }
    }
}
