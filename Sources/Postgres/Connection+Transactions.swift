import CLibpq

extension Connection {
    /// How a transaction is opened.
    package enum TransactionMode: Sendable {
        /// Read and write; each statement has its own snapshot.
        case readWrite
        /// Read only, in one snapshot from the first query on (PostgreSQL manual 13.2.2).
        ///
        /// A standby would refuse SERIALIZABLE.
        case snapshot
        /// Read only, in a snapshot that another transaction has exported.
        case shared(SharedSnapshot)

        package var begin: SQL {
            switch self {
            case .readWrite: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
            case .snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            case .shared(let shared): "\(Self.snapshot.begin); SET TRANSACTION SNAPSHOT \(literal: shared.identifier)"
            }
        }
    }

    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
    ///
    /// - Parameters:
    ///   - mode: How the transaction is opened.
    ///   - body: The work to do in the transaction.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, and ``PostgresError`` if the commit fails. If the connection is lost during the
    ///   commit, only the database shows whether it was committed.
    package func transaction<Result>(_ mode: TransactionMode, _ body: () throws -> Result) throws -> Result {
        let result: Result
        do {
            // An imported snapshot may be lost; otherwise the transaction begins with its first statement.
            if case .shared = mode { try begin(mode) } else { later(mode.begin) }
            result = try body()
        } catch {
            rollBack()
            throw error
        }
        // No statement was sent.
        if pending == [mode.begin] {
            pending = []
            return result
        }
        if case .readWrite = mode { StatusPoint.beforeCommit.reached() }
        try commit()
        if case .readWrite = mode { StatusPoint.afterCommit.reached() }
        return result
    }

    /// Commits the open transaction, or rolls it back if that fails.
    ///
    /// - Throws: ``PostgresError``. If the connection is lost meanwhile, only the database shows whether it was committed.
    package func commit() throws {
        let commit: Answer
        do {
            commit = try endTransaction()
        } catch {
            rollBack()
            throw error
        }
        guard let tag = PQcmdStatus(commit.pointer), String(cString: tag) == "COMMIT" else {
            throw PostgresError(.statementFailed, "the server rolled back a transaction instead of committing it")
        }
    }

    /// Executes a statement with the next one, in the same round trip; an error is thrown there.
    ///
    /// - Parameter sql: A single statement whose answer is of no interest.
    package func later(_ sql: SQL) { pending.append(sql) }

    /// Executes what waits for the next statement.
    func sendPending() throws {
        let before = pending
        pending = []
        try together(before)
    }

    private func endTransaction() throws -> Answer {
        let before = pending
        pending = []
        return try before.isEmpty ? answer(to: "COMMIT") : answer(to: ("COMMIT", []), after: before)
    }

    /// Opens a transaction.
    ///
    /// - Parameter mode: How the transaction is opened.
    /// - Throws: ``PostgresError``; `.snapshotLost` if a shared snapshot can no longer be imported.
    package func begin(_ mode: TransactionMode) throws {
        do {
            try execute(mode.begin)
        } catch let error as PostgresError {
            guard case .shared = mode, ["22023", "55000", "42704"].contains(error.sqlState) else { throw error }
            throw PostgresError(
                .snapshotLost,
                "the \(endpoint.side.rawValue)'s snapshot was lost with the session that held it: \(error.message)",
                hint: "run the same command again: it resumes from what is committed"
            )
        }
    }

    /// Rolls back the open transaction, if there is one.
    ///
    /// On a broken connection the server does it.
    package func rollBack() {
        pending = []
        try? takeAnswersSent()
        guard PQtransactionStatus(pointer) != PQTRANS_IDLE, !isBroken else { return }
        PQclear(PQexec(pointer, "ROLLBACK"))
    }
}
