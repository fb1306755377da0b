import CLibpq

/// Queries whose answers are read before they are asked for.
///
/// Some are sent at a time, because the buffers of both sides could fill up while neither reads (PostgreSQL manual
/// 34.5.1.1).
struct ReadAhead {
    /// Sent at once, unless a single query is longer.
    private static let mostBytes = 32 << 10

    /// Queries not sent yet, in order.
    private var waiting: ArraySlice<String>
    /// Queries that were sent, in order; nil for statements whose answers are of no interest.
    var sent: ArraySlice<String?> = []
    /// Answers that came before another that was asked for.
    var early: [String: OpaquePointer] = [:]

    init(_ queries: [String]) {
        waiting = queries[...]
    }

    func expects(_ query: String) -> Bool {
        early[query] != nil || sent.contains(query) || waiting.contains(query)
    }

    /// Takes the queries that are sent next.
    mutating func next() -> [String] {
        var (next, bytes): ([String], Int) = ([], 0)
        while let query = waiting.first, next.isEmpty || bytes + query.utf8.count <= Self.mostBytes {
            bytes += query.utf8.count
            next.append(query)
            waiting = waiting.dropFirst()
        }
        return next
    }
}

extension Connection {
    /// Sends queries before `body` asks for them, many in one round trip; the server works on the next one while the answer to
    /// the one before is read.
    ///
    /// The first that is asked for sends them. `body` may ask in any order, and run other statements in between; it is
    /// fastest if it asks in this order.
    ///
    /// - Parameters:
    ///   - queries: Queries without parameters, each asked for at most once. Inside another such call they are ignored:
    ///     that one has listed them.
    ///   - body: The code that asks.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    package func readingAhead<Result>(_ queries: [SQL], _ body: () throws -> Result) throws -> Result {
        guard ahead == nil else { return try body() }
        ahead = ReadAhead(try queries.map { try withoutNUL($0).text })
        defer {
            try? takeAnswersSent()
            for answer in (ahead?.early ?? [:]).values { PQclear(answer) }
            ahead = nil
        }
        return try body()
    }

    /// The answer to a query that was to be read ahead.
    ///
    /// - Returns: The answer, to be freed by the caller; nil if the query must be run.
    /// - Throws: ``PostgresError`` if the connection is lost.
    func answerReadAhead(to sql: SQL) throws -> OpaquePointer? {
        guard ahead != nil else { return nil }
        let (text, parameters) = try withoutNUL(sql)
        while parameters.isEmpty, ahead?.expects(text) == true {
            if let answer = ahead?.early.removeValue(forKey: text) { return answer }
            if ahead?.sent.isEmpty == true {
                try sendNext()
            } else {
                try takeAnswer()
            }
        }
        // Another statement can only be sent once all answers have been read.
        try takeAnswersSent()
        return nil
    }

    private func sendNext() throws {
        guard let next = ahead?.next(), !next.isEmpty else { return }
        // What waits for the next statement goes first.
        let before = try pending.map(withoutNUL)
        pending = []
        try enterPipeline()
        try send(before + next.map { ($0, []) })
        ahead?.sent = (before.map { _ in nil } + next)[...]
    }

    /// Reads the answer to the statement that was sent first.
    private func takeAnswer() throws {
        guard let query = ahead?.sent.popFirst() else { return }
        var refusal: PostgresError?
        while let answer = PQgetResult(pointer) {
            let status = PQresultStatus(answer)
            if let query, ahead?.early[query] == nil, status != PGRES_PIPELINE_ABORTED {
                ahead?.early[query] = answer
                continue
            }
            let result = Answer(pointer: answer)
            // The query after it would only report that the transaction is aborted.
            if query == nil, status == PGRES_FATAL_ERROR { refusal = error(of: result, .statementFailed) }
            if isBroken { break }
        }
        if isBroken {
            ahead?.sent = []
            throw error(of: Answer(pointer: nil), .statementFailed)
        }
        if ahead?.sent.isEmpty == true {
            defer { leavePipeline() }
            try takeSync()
        }
        if let refusal { throw refusal }
    }

    /// Reads all answers that are still to come, so that other statements can be sent.
    func takeAnswersSent() throws {
        while ahead?.sent.isEmpty == false { try takeAnswer() }
    }
}
