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
            try begin(mode)
            result = try body()
        } catch {
            rollBack()
            throw error
        }
        let commit = try answer(to: "COMMIT")
        guard let tag = PQcmdStatus(commit.pointer), String(cString: tag) == "COMMIT" else {
            throw PostgresError(.statementFailed, "the server rolled back a transaction instead of committing it")
        }
        return result
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
        guard PQtransactionStatus(pointer) != PQTRANS_IDLE, !isBroken else { return }
        PQclear(PQexec(pointer, "ROLLBACK"))
    }
}
