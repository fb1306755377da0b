public import Report

/// A call of a migration that works in the background: its events, and its report at the end.
///
/// ```swift
/// let run = migration.start { try await $0.cutover() }
/// for await event in run.events {
///     if case .phaseBegan(let phase) = event { print(phase.rawValue) }
/// }
/// let report = try await run.report
/// ```
public struct MigrationRun: Sendable {
    /// The events, in order; the sequence ends with the run.
    public let events: AsyncStream<RunEvent>
    private let task: Task<RunReport, any Error>

    /// The run's report, once it has ended.
    ///
    /// - Throws: What the call throws.
    public var report: RunReport {
        get async throws { try await task.value }
    }

    /// Cancels the statements that are running; the run ends with the outcome `stopped` and can be continued.
    ///
    /// ``Migration/stop`` ends it at the next step instead.
    public func cancel() { task.cancel() }

    fileprivate init(events: AsyncStream<RunEvent>, task: Task<RunReport, any Error>) {
        self.events = events
        self.task = task
    }
}

extension Migration {
    /// Starts a call in the background.
    ///
    /// - Parameter call: The call, on a migration like this one; the observer given to this one receives its events too.
    /// - Returns: The run.
    public func start(_ call: @escaping @Sendable (Migration) async throws -> RunReport) -> MigrationRun {
        let (events, continuation) = AsyncStream.makeStream(of: RunEvent.self)
        let observed = Migration(source: source, target: target, options: options, stop: stop) { [observer] event in
            observer(event)
            continuation.yield(event)
        }
        let task = Task {
            defer { continuation.finish() }
            return try await call(observed)
        }
        return MigrationRun(events: events, task: task)
    }
}
