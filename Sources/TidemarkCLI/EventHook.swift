import FoundationEssentials
import Report
import Subprocess
import Synchronization

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

    /// Calls the command for each event, until ``finish()``.
    func run() async {
        for await event in events {
            guard let line = try? event.line() else { continue }
            do {
                try await call(line + "\n")
            } catch {
                complain("the hook failed at \(event.event.rawValue): \(error)")
            }
        }
    }

    private func call(_ input: String) async throws {
        let environment = Dictionary(
            uniqueKeysWithValues: Self.secrets.map { (Environment.Key(stringLiteral: $0), String?.none) }
        )
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
                    input: .string(input),
                    output: .discarded,
                    error: .string(limit: 4096)
                )
                guard result.terminationStatus.isSuccess else {
                    throw HookError(description: "\(result.terminationStatus) \(result.standardError)")
                }
            }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                throw HookError(description: "it took longer than \(Self.patience.components.seconds) s and was ended")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

private struct HookError: Error, CustomStringConvertible {
    let description: String
}
