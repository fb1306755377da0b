import CLibpq

extension Connection {
    /// How a transaction is opened.
    package enum TransactionMode: Sendable {
        /// Writes, each statement with a snapshot of its own.
        case readWrite
        /// Reads one snapshot from its first query on (PostgreSQL manual 13.2.2). SERIALIZABLE would be refused on a
        /// standby.
        case snapshot
        /// Reads a snapshot that another transaction has exported.
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
    ///   - body: What is done in it.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, and ``PostgresError`` if the commit fails. After a lost connection during the
    ///   commit only the database knows whether it happened; read it there.
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
            throw PostgresError(.statementFailed, "the server rolled back a transaction that was to be committed")
        }
        return result
    }

    /// Opens a transaction.
    ///
    /// - Parameter mode: How.
    /// - Throws: ``PostgresError``; `.snapshotLost` where a shared snapshot cannot be read any more.
    package func begin(_ mode: TransactionMode) throws {
        do {
            try execute(mode.begin)
        } catch let error as PostgresError {
            guard case .shared = mode, ["22023", "55000", "42704"].contains(error.sqlState) else { throw error }
            throw PostgresError(
                .snapshotLost,
                "the \(endpoint.side.rawValue)'s snapshot is gone with the session that held it: \(error.message)",
                hint: "run the same command again: it goes on from what is committed"
            )
        }
    }

    /// Ends an open transaction without keeping anything.
    ///
    /// A broken connection has rolled back by itself.
    package func rollBack() {
        guard PQtransactionStatus(pointer) != PQTRANS_IDLE, !isBroken else { return }
        PQclear(PQexec(pointer, "ROLLBACK"))
    }
}
