/// A value confined to its own thread: one connection, or the two ends of a relay.
///
/// Code inside ``run(_:)`` is synchronous and may block. It never suspends, so no other code can execute a statement in a
/// transaction that is open there. The value keeps its state between two calls, so a transaction can stay open while
/// other threads work (an exported snapshot needs that).
package actor ThreadConfined<State> {
    private let executor: ThreadExecutor
    private let interrupter: Interrupter
    private var state: State?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init() {
        executor = ThreadExecutor()
        interrupter = Interrupter()
    }

    /// Creates the value on a new thread, passes it to `body`, and releases it when `body` returns or throws.
    ///
    /// - Parameters:
    ///   - make: Creates the value; connections opened with the interrupter it receives are cancelled with the task.
    ///   - body: The work to do with the value.
    /// - Returns: What `body` returns.
    /// - Throws: What `make` or `body` throws.
    package static func with<Result: Sendable>(
        _ make: @escaping @Sendable (Interrupter) throws -> State,
        _ body: (ThreadConfined<State>) async throws -> Result
    ) async throws -> Result {
        let confined = ThreadConfined<State>()
        do {
            try await confined.open(make)
            let result = try await body(confined)
            await confined.close()
            return result
        } catch {
            await confined.close()
            throw error
        }
    }

    /// Runs synchronous, blocking code on the value's thread.
    ///
    /// Cancelling the surrounding task cancels the server's running statement; the call then throws a
    /// ``PostgresError`` with code `.cancelled`.
    ///
    /// - Parameter body: The code. It must not let the value escape.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; `CancellationError` if the task was cancelled before it began.
    @discardableResult
    package func run<Result: Sendable>(_ body: @Sendable (State) throws -> Result) async throws -> Result {
        try Task.checkCancellation()
        return try await withTaskCancellationHandler {
            // A closure runs on the actor only if it captures the actor; otherwise it would run on the common pool.
            try self.call(body)
        } onCancel: { [interrupter] in
            interrupter.interrupt()
        }
    }

    private func call<Result: Sendable>(_ body: @Sendable (State) throws -> Result) throws -> Result {
        executor.checkIsolated()
        guard let state else { preconditionFailure("a confined value was used after its scope had ended") }
        return try body(state)
    }

    private func open(_ make: @Sendable (Interrupter) throws -> State) async throws {
        try Task.checkCancellation()
        state = try await withTaskCancellationHandler {
            executor.checkIsolated()
            return try make(interrupter)
        } onCancel: { [interrupter] in
            interrupter.interrupt()
        }
    }

    private func close() {
        state = nil
        executor.stop()
    }
}

extension ThreadConfined where State == Connection {
    /// Opens one connection on its own thread while `body` runs.
    ///
    /// - Parameters:
    ///   - endpoint: The server and database.
    ///   - purpose: Becomes `application_name`, so that `pg_stat_activity` explains the load.
    ///   - body: The work to do with the connection.
    /// - Returns: What `body` returns.
    /// - Throws: ``PostgresError`` when the connection cannot be opened, and what `body` throws.
    package static func with<Result: Sendable>(
        _ endpoint: Endpoint,
        purpose: String,
        _ body: (ThreadConfined<Connection>) async throws -> Result
    ) async throws -> Result {
        try await with({ try Connection(to: endpoint, purpose: purpose, interrupter: $0) }, body)
    }
}
