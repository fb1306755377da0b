import FoundationEssentials
import Glibc
import Report
import Subprocess
import Synchronization
import SystemPackage

/// A command of the operator that is told of a run's events: one JSON document on its standard input for each.
///
/// The calls come one after the other, in the order of the events, beside the work. A command that fails, or that takes too
/// long, is named, and changes nothing about the run.
final class EventHook: Sendable {
    /// The events that a hook receives; the others are for logs.
    private static let kinds: Set<EventDocument.Kind> = [.began, .phase, .stopped, .failed, .verdict]
    /// How long one call may take.
    private static let patience = Duration.seconds(30)
    /// What a child process must not inherit.
    private static let secrets = ["TIDEMARK_SOURCE", "TIDEMARK_TARGET", "PGPASSWORD"]

    private let command: String
    private let complain: @Sendable (String) -> Void
    private let events: AsyncStream<EventDocument>
    private let continuation: AsyncStream<EventDocument>.Continuation

    /// - Parameters:
    ///   - command: A line for `sh -c`.
    ///   - complain: Receives a line about a call that failed.
    init(_ command: String, complain: @escaping @Sendable (String) -> Void) {
        self.command = command
        self.complain = complain
        (events, continuation) = AsyncStream.makeStream()
    }

    /// Passes an event on, if hooks receive it.
    func send(_ event: EventDocument) {
        if Self.kinds.contains(event.event) { continuation.yield(event) }
    }

    /// Ends the calls after the last event.
    func finish() { continuation.finish() }

    /// Calls the command for each event, until ``finish()``; if it has hung once, only for how the run ended.
    func run() async {
        var hasHung = false
        for await event in events {
            guard let line = try? event.line(), !hasHung || ![.began, .phase].contains(event.event) else { continue }
            do {
                try await call(line + "\n")
            } catch {
                hasHung = hasHung || error is HungHook
                complain("the hook failed at \(event.event.rawValue): \(error)")
            }
        }
    }

    /// A file without a name that holds a text, to be read from its beginning.
    ///
    /// Not a pipe: a command that does not read it would make writing fail.
    private static func file(with text: String) throws -> FileDescriptor {
        var path = Array("\(FileManager.default.temporaryDirectory.path)/tidemark-event-XXXXXX".utf8CString)
        let descriptor = FileDescriptor(rawValue: mkstemp(&path))
        guard descriptor.rawValue >= 0 else {
            throw HookError(description: "its input cannot be written: \(String(cString: strerror(errno)))")
        }
        unlink(path)
        do {
            try descriptor.writeAll(Array(text.utf8))
            try descriptor.seek(offset: 0, from: FileDescriptor.SeekOrigin.start)
            return descriptor
        } catch {
            try? descriptor.close()
            throw error
        }
    }

    private func call(_ input: String) async throws {
        let environment = Dictionary(
            uniqueKeysWithValues: Self.secrets.map { (Environment.Key(stringLiteral: $0), String?.none) }
        )
        let file = try Self.file(with: input)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [command] in
                var options = PlatformOptions()
                // Ctrl-C in the terminal is for us; a hook may have to tell of it.
                options.processGroupID = 0
                options.teardownSequence = [
                    .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)
                ]
                let result = try await Subprocess.run(
                    .name("sh"),
                    arguments: ["-c", command],
                    environment: .inherit.updating(environment),
                    platformOptions: options,
                    input: .fileDescriptor(file, closeAfterSpawningProcess: true),
                    output: .discarded,
                    error: .string(limit: 4096)
                )
                guard result.terminationStatus.isSuccess else {
                    throw HookError(description: "\(result.terminationStatus) \(result.standardError)")
                }
            }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                throw HungHook(seconds: Self.patience.components.seconds)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

private struct HookError: Error, CustomStringConvertible {
    let description: String
}

private struct HungHook: Error, CustomStringConvertible {
    let seconds: Int64
    var description: String { "it took longer than \(seconds) s and was ended" }
}
