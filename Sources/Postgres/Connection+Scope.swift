extension Connection {
    /// Opens a connection on a thread of its own, runs `body` there, and closes it.
    ///
    /// - Parameters:
    ///   - endpoint: The server and database.
    ///   - purpose: Becomes part of `application_name`, so that `pg_stat_activity` explains the load.
    ///   - body: Synchronous code that may block; it must not let the connection escape.
    /// - Returns: What `body` returns.
    /// - Throws: ``PostgresError`` when the connection cannot be opened, and what `body` throws; `CancellationError`
    ///   when the task was cancelled before.
    package static func with<Result: Sendable>(
        _ endpoint: Endpoint,
        purpose: String,
        body: @Sendable (Connection) throws -> Result
    ) async throws -> Result {
        try await ThreadConfined.with(endpoint, purpose: purpose) { try await $0.run(body) }
    }
}
