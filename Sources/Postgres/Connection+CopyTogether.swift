import CLibpq

/// One of several COPY commands that are relayed in a row.
package struct RelayedCopy: Sendable {
    let activity: String
    let copyOut: SQL
    let copyIn: SQL

    /// - Parameters:
    ///   - activity: What it does, for errors.
    ///   - copyOut: `COPY … TO STDOUT`, without parameters.
    ///   - copyIn: `COPY … FROM STDIN`, without parameters.
    package init(_ activity: String, from copyOut: SQL, to copyIn: SQL) {
        self.activity = activity
        self.copyOut = copyOut
        self.copyIn = copyIn
    }
}

extension Connection {
    /// Relays several COPY commands, which are sent to both ends at once: the rows of the next table are on their way while
    /// those of one are stored.
    ///
    /// - Parameters:
    ///   - copies: The commands.
    ///   - target: The other end, used by the same thread.
    ///   - progress: Receives the number of bytes of each batch.
    /// - Returns: The rows and bytes moved by each.
    /// - Throws: ``PostgresError``; then none of the target's rows may be kept.
    package func relay(
        together copies: [RelayedCopy],
        to target: Connection,
        progress: (Int) -> Void
    ) throws -> [CopyCount] {
        guard !copies.isEmpty else { return [] }
        try refuseIfInterrupted()
        for end in [self, target] { try end.sendPending() }
        defer { for end in [self, target] { end.endStatement() } }
        try send(copies.map(\.copyOut))
        do {
            try target.send(copies.map(\.copyIn))
            return try copies.map { copy in
                try during(copy.activity) { try relay(next: copy, to: target, progress: progress) }
            }
        } catch {
            let ofTarget = target.abandonCopies()
            cancelRunningStatement()
            _ = abandonCopies()
            // 57014 is how the target reports our own "the other end failed".
            guard let ofTarget, ofTarget.sqlState != "57014", (error as? PostgresError)?.sqlState == nil else {
                throw error
            }
            throw ofTarget
        }
    }

    private func send(_ statements: [SQL]) throws {
        watched?.beginStatement()
        let text = try statements.map { try withoutNUL($0).text }.joined(separator: ";\n")
        guard PQsendQuery(pointer, text) == 1 else { throw error(of: Answer(pointer: nil), .copyFailed) }
    }

    private func endStatement() {
        while let result = PQgetResult(pointer) { PQclear(result) }
        watched?.endStatement(isInTransaction: PQtransactionStatus(pointer) != PQTRANS_IDLE)
    }

    private func relay(next copy: RelayedCopy, to target: Connection, progress: (Int) -> Void) throws -> CopyCount {
        try nextResult(PGRES_COPY_OUT)
        try target.nextResult(PGRES_COPY_IN)
        let moved = try passRows(to: target, progress: progress)
        let sent = try nextResult(PGRES_COMMAND_OK)
        guard PQputCopyEnd(target.pointer, nil) == 1 else {
            throw target.error(of: Answer(pointer: nil), .copyFailed)
        }
        let received = try target.nextResult(PGRES_COMMAND_OK)
        return try checked(moved, of: copy.copyOut, sent: sent, received: received)
    }

    /// - Returns: The number of rows in the result's command tag.
    @discardableResult
    private func nextResult(_ status: ExecStatusType) throws -> Int {
        let result = Answer(pointer: PQgetResult(pointer))
        guard result.pointer != nil, PQresultStatus(result.pointer) == status else {
            throw error(of: result, .copyFailed)
        }
        return try affectedRows(of: result)
    }

    /// Ends what is left of several COPY commands.
    ///
    /// - Returns: The error that the server reports.
    private func abandonCopies() -> PostgresError? {
        var failure: PostgresError?
        while let next = PQgetResult(pointer), !isBroken {
            let result = Answer(pointer: next)
            switch PQresultStatus(result.pointer) {
            case PGRES_COPY_IN: _ = PQputCopyEnd(pointer, "the other end failed")
            case PGRES_COPY_OUT:
                var buffer: UnsafeMutablePointer<CChar>?
                while PQgetCopyData(pointer, &buffer, 0) > 0 { PQfreemem(buffer) }
            case PGRES_FATAL_ERROR: failure = failure ?? error(of: result, .copyFailed)
            default: break
            }
        }
        return failure
    }
}
