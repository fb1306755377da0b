public import Postgres
public import Report

/// Looks at a source when there is no target yet.
public struct SourceInspection: Sendable {
    private let source: Endpoint
    private let options: MigrationOptions
    private let stop: StopRequest
    private let observer: @Sendable (RunEvent) -> Void

    /// Creates an inspection; nothing is read yet.
    ///
    /// - Parameters:
    ///   - source: The database to migrate from.
    ///   - options: The operator's choices.
    ///   - stop: Lets the caller end the work.
    ///   - observer: Receives events; called from any thread.
    public init(
        source: Endpoint,
        options: MigrationOptions = MigrationOptions(),
        stop: StopRequest = StopRequest(),
        observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) {
        self.source = source.watched(stop: stop, observer: observer)
        self.options = options
        self.stop = stop
        self.observer = observer
    }

    /// Checks the source for problems, and writes nothing.
    ///
    /// - Parameter depth: What is done besides reading the catalogs.
    /// - Returns: What would stop a migration from it, and what may surprise on the night.
    /// - Throws: ``PostgresError``.
    public func run(_ depth: InspectionDepth = InspectionDepth()) async throws -> InspectionReport {
        try await Endpoint.watching([source]) {
            let rows = RowInspection(depth: depth, source: source, jobs: options.jobs, stop: stop) {
                observer(.note($0))
            }
            return try await Inspect.alone(source, options, looking: rows)
        }
    }
}
