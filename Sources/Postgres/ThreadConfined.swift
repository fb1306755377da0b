/// A value that lives and dies on a thread of its own: one connection, or the two ends of a relay.
///
/// Code inside ``run(_:)`` is plain, synchronous and may block. Because it never suspends, nothing can slip a statement
/// of its own into a transaction that is open there. Between two calls the value stays as it was, so a transaction may
/// be held open while other threads work (an exported snapshot needs that).
package actor ThreadConfined<State> {
    private let executor: ThreadExecutor
    private let interrupter: Interrupter
    private var state: State?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init() {
        executor = ThreadExecutor()
        interrupter = Interrupter()
    }

    /// Makes the value on a new thread, hands it to `body`, and takes it down when `body` ends, however it ends.
    ///
    /// - Parameters:
    ///   - make: Makes the value; connections opened with the interrupter it receives are cancelled with the task.
    ///   - body: What is done with it.
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
            // A closure belongs to the actor only if it captures it; one that does not would run on the common pool.
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
    /// Opens one connection on a thread of its own for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - endpoint: The server and database.
    ///   - purpose: Becomes part of `application_name`, so that `pg_stat_activity` explains the load.
    ///   - body: What is done with it.
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
