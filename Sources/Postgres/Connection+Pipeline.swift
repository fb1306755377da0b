import CLibpq

/// Statements that do not wait for each other's answers: over a distance, a round trip takes longer than most statements.
extension Connection {
    /// What came of a group of statements.
    package enum GroupOutcome {
        /// The answer to each of them.
        case done([PipelinedAnswer])
        /// One was refused; the statements after it in the group did not run.
        case refused(PostgresError, statement: Int)

        /// The same without the first statements.
        fileprivate func without(_ count: Int) -> GroupOutcome {
            switch self {
            case .done(let answers): .done(Array(answers.dropFirst(count)))
            case .refused(let error, let statement): .refused(error, statement: max(0, statement - count))
            }
        }

        /// The answer to each statement.
        ///
        /// - Throws: The ``PostgresError`` of the refused one.
        package func answers() throws -> [PipelinedAnswer] {
            switch self {
            case .done(let answers): return answers
            case .refused(let error, _): throw error
            }
        }
    }

    /// The answer to a statement of a group.
    package struct PipelinedAnswer {
        /// The number of rows in its command tag, 0 if there is none.
        package let count: Int
        package let rows: [Row]
    }

    /// Sent at once; more could fill the buffers of both sides, and neither would read (PostgreSQL manual 34.5.1.1).
    private static let mostBytes = 32 << 10

    /// Runs groups of statements in few round trips (libpq's pipeline mode, PostgreSQL manual 34.5).
    ///
    /// Without BEGIN, each group is one transaction. A refused statement ends its group; the others run.
    ///
    /// - Parameter groups: The groups, each with single statements; COPY is not possible.
    /// - Returns: What came of each group.
    /// - Throws: ``PostgresError`` if the connection is lost or the work was interrupted.
    package func pipeline(_ groups: [[SQL]]) throws -> [GroupOutcome] {
        guard let first = groups.first else { return [] }
        var outcomes: [GroupOutcome] = []
        // What waits belongs to the first group; its answers are of no interest.
        let before = pending
        pending = []
        if !before.isEmpty {
            let all = try pipeline([before + first] + groups.dropFirst())
            return all.enumerated().map { index, outcome in index == 0 ? outcome.without(before.count) : outcome }
        }
        var rest = groups[...]
        while !rest.isEmpty {
            var bytes = 0
            var batch: [[(text: String, parameters: [String?])]] = []
            while let group = rest.first {
                let rendered = try group.map(withoutNUL)
                let size = rendered.reduce(0) { sum, statement in
                    sum + statement.text.utf8.count + statement.parameters.reduce(0) { $0 + ($1?.utf8.count ?? 0) }
                }
                guard batch.isEmpty || bytes + size <= Self.mostBytes else { break }
                bytes += size
                batch.append(rendered)
                rest = rest.dropFirst()
            }
            outcomes += try exchange(batch)
        }
        return outcomes
    }

    /// Runs a group of statements in one round trip, inside the open transaction.
    ///
    /// - Parameter statements: Single statements.
    /// - Returns: The answer to each.
    /// - Throws: ``PostgresError`` of the first that is refused.
    @discardableResult
    package func together(_ statements: [SQL]) throws -> [PipelinedAnswer] {
        guard !statements.isEmpty else { return [] }
        return try pipeline([statements])[0].answers()
    }

    /// Runs a statement after others, in one round trip.
    ///
    /// - Returns: The answer to the last one.
    func answer(to last: (text: String, parameters: [String?]), after others: [SQL]) throws -> Answer {
        let statements = try others.map(withoutNUL) + [last]
        try enterPipeline()
        defer { leavePipeline() }
        try send(statements)
        var answer = Answer(pointer: nil)
        var refusal: PostgresError?
        for _ in statements {
            while let next = PQgetResult(pointer) {
                let result = Answer(pointer: next)
                switch PQresultStatus(result.pointer) {
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: answer = result
                case PGRES_PIPELINE_ABORTED: break
                default: refusal = refusal ?? error(of: result, .statementFailed)
                }
                if isBroken { break }
            }
            if isBroken { throw refusal ?? error(of: Answer(pointer: nil), .statementFailed) }
        }
        try takeSync()
        if let refusal { throw refusal }
        return answer
    }

    func enterPipeline() throws {
        try takeAnswersSent()
        guard PQenterPipelineMode(pointer) == 1 else { throw error(of: Answer(pointer: nil), .statementFailed) }
        watched?.beginStatement()
    }

    func leavePipeline() {
        PQexitPipelineMode(pointer)
        watched?.endStatement(isInTransaction: PQtransactionStatus(pointer) != PQTRANS_IDLE)
    }

    /// Sends statements, and a point up to which an error ends all of them.
    func send(_ statements: [(text: String, parameters: [String?])]) throws {
        for (text, parameters) in statements {
            let isSent = withCStrings(parameters) { values in
                PQsendQueryParams(pointer, text, Int32(values.count), nil, values, nil, nil, 0)
            }
            guard isSent == 1 else { throw error(of: Answer(pointer: nil), .statementFailed) }
        }
        guard PQpipelineSync(pointer) == 1 else { throw error(of: Answer(pointer: nil), .statementFailed) }
    }

    func takeSync() throws {
        guard let end = PQgetResult(pointer) else { throw error(of: Answer(pointer: nil), .statementFailed) }
        let sync = Answer(pointer: end)
        guard PQresultStatus(sync.pointer) == PGRES_PIPELINE_SYNC else { throw error(of: sync, .statementFailed) }
    }

    private func exchange(_ groups: [[(text: String, parameters: [String?])]]) throws -> [GroupOutcome] {
        try refuseIfInterrupted()
        try enterPipeline()
        defer { leavePipeline() }
        for group in groups { try send(group) }
        return try groups.map { try outcome(of: $0.count) }
    }

    /// Reads the answers to a group, up to its end.
    private func outcome(of count: Int) throws -> GroupOutcome {
        var answers: [PipelinedAnswer] = []
        var refusal: PostgresError?
        for _ in 0..<count {
            while let next = PQgetResult(pointer) {
                let result = Answer(pointer: next)
                switch PQresultStatus(result.pointer) {
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                    answers.append(PipelinedAnswer(count: try affectedRows(of: result), rows: try rows(of: result)))
                case PGRES_PIPELINE_ABORTED: break
                default: refusal = refusal ?? error(of: result, .statementFailed)
                }
                if isBroken { break }
            }
            if isBroken { throw error(of: Answer(pointer: nil), .statementFailed) }
        }
        try takeSync()
        if let refusal {
            // An error that stops everything is not the statement's.
            if refusal.code == .cancelled || isBroken { throw refusal }
            return .refused(refusal, statement: answers.count)
        }
        return .done(answers)
    }
}
