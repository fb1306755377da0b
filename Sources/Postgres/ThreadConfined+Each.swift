extension ThreadConfined {
    /// Creates several values, each on a thread of its own, and runs `body` on all of them at the same time.
    ///
    /// The first error cancels the others, and is thrown once they have ended.
    ///
    /// - Parameters:
    ///   - count: How many; at least one is created.
    ///   - make: Creates a value; receives its number, from 1, and the interrupter for its connections.
    ///   - body: Synchronous code that may block; it receives the value and its number.
    /// - Returns: What `body` returned for each, in the order in which they ended.
    /// - Throws: What `make` or `body` throws.
    @discardableResult
    package static func each<Result: Sendable>(
        _ count: Int,
        _ make: @escaping @Sendable (Int, Interrupter) throws -> State,
        body: @escaping @Sendable (State, Int) throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: Result.self) { group in
            for number in 1...max(1, count) {
                group.addTask {
                    try await with({ try make(number, $0) }) { confined in
                        try await confined.run { try body($0, number) }
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}

extension ThreadConfined {
    /// Creates several values at the same time, each on a thread of its own, and keeps them all for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - count: How many; at least one is created.
    ///   - make: Creates a value; receives its number, from 1, and the interrupter for its connections.
    ///   - body: What is done with them.
    /// - Returns: What `body` returns.
    /// - Throws: What `make` or `body` throws.
    package static func several<Result: Sendable>(
        _ count: Int,
        _ make: @escaping @Sendable (Int, Interrupter) throws -> State,
        _ body: ([ThreadConfined<State>]) async throws -> Result
    ) async throws -> Result {
        let count = max(1, count)
        let (opened, report) = AsyncThrowingStream<ThreadConfined<State>, any Error>.makeStream()
        let end = Latch()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            // Whatever happens, the values are closed only after `body` has ended.
            defer { end.open() }
            for number in 1...count {
                group.addTask {
                    do {
                        try await with({ try make(number, $0) }) { value in
                            report.yield(value)
                            await end.wait()
                        }
                    } catch {
                        report.finish(throwing: error)
                        throw error
                    }
                }
            }
            var values: [ThreadConfined<State>] = []
            for try await value in opened {
                values.append(value)
                if values.count == count { break }
            }
            try Task.checkCancellation()
            let result = try await body(values)
            end.open()
            try await group.waitForAll()
            return result
        }
    }
}

extension Connection {
    /// Opens several connections, each on a thread of its own, and runs `body` on all of them at the same time.
    ///
    /// The first error cancels the others, and is thrown once they have ended.
    ///
    /// - Parameters:
    ///   - count: How many; at least one is opened.
    ///   - endpoint: The server and database.
    ///   - purpose: Becomes part of `application_name`, followed by the connection's number.
    ///   - body: Synchronous code that may block; it receives the connection and its number, from 1.
    /// - Returns: What `body` returned for each, in the order in which they ended.
    /// - Throws: ``PostgresError`` when a connection cannot be opened, and what `body` throws.
    @discardableResult
    package static func each<Result: Sendable>(
        _ count: Int,
        _ endpoint: Endpoint,
        purpose: String,
        body: @escaping @Sendable (Connection, Int) throws -> Result
    ) async throws -> [Result] {
        try await ThreadConfined.each(
            count,
            { try Connection(to: endpoint, purpose: "\(purpose) \($0)", interrupter: $1) },
            body: body
        )
    }
}
