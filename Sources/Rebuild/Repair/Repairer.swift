import Glibc
package import Postgres
import Synchronization

/// Carries out repairs on a target that may be in use.
package struct Repairer {
    /// How long to wait for a strong lock; sessions that arrive meanwhile wait behind it.
    private static let patience: SQL = "'250ms'"
    /// Attempts after which the table counts as permanently locked.
    private static let attempts = 600
    private static let attemptsBetweenNotes = 10

    private let connection: Connection
    private let share: BuildShare
    private let stop: StopRequest
    private let observer: @Sendable (String) -> Void

    /// - Parameters:
    ///   - connection: A connection to the target.
    ///   - budget: The memory and workers that the connection gets its share of.
    ///   - stop: Ends the work between two statements.
    ///   - observer: Called with each statement that is done, and with waits.
    /// - Throws: ``PostgresError``.
    package init(
        _ connection: Connection,
        budget: BuildBudget,
        stop: StopRequest,
        observer: @escaping @Sendable (String) -> Void
    ) throws {
        self.connection = connection
        self.stop = stop
        self.observer = observer
        share = try budget.share(on: connection)
    }

    /// Carries out one repair.
    ///
    /// - Parameter repair: The repair.
    /// - Throws: ``PostgresError``; if duplicates or orphans prevent it, with the rows.
    package func carryOut(_ repair: Repair) throws {
        for step in repair.steps where !stop.isRequested {
            let clock = ContinuousClock()
            let start = clock.now
            try during("rebuilding \(repair.object)") {
                do {
                    try carryOut(step, bytes: repair.bytes)
                } catch let error as PostgresError where error.sqlState == "23505" {
                    throw withDuplicates(error, repair)
                } catch let error as PostgresError where error.sqlState == "23503" {
                    throw withOrphans(error, repair)
                }
            }
            let milliseconds = start.duration(to: clock.now) / .milliseconds(1)
            observer("\(step.statement.text.visible) (\(Int(milliseconds)) ms)")
        }
    }

    private func carryOut(_ step: Repair.Step, bytes: Int) throws {
        if let tablespace = step.tablespace {
            try connection.execute("SET default_tablespace = \(Identifier(tablespace))")
        }
        switch step.manner {
        case .concurrent, .scan, .blocking:
            try connection.execute(share.settings(for: step.statement, bytes: bytes))
            try connection.execute(step.statement)
            StatusPoint.statementDone.reached()
        case .brief: try briefly(step.statement)
        }
        if step.tablespace != nil { try connection.execute("SET default_tablespace = ''") }
    }

    /// Tries for the lock repeatedly instead of waiting for it.
    private func briefly(_ statement: SQL) throws {
        for attempt in 1... {
            do {
                return try connection.transaction(.readWrite) {
                    try connection.execute("SET LOCAL lock_timeout = \(Self.patience)")
                    try connection.execute(definitions: statement)
                }
            } catch var error as PostgresError where error.sqlState == "55P03" {
                guard attempt < Self.attempts, !stop.isRequested else {
                    error.hint = "other sessions keep the table locked: see pg_locks and pg_stat_activity"
                    throw error
                }
                if attempt % Self.attemptsBetweenNotes == 2 {
                    observer("waiting for the lock that this statement needs: \(statement.text.visible)")
                }
                usleep(UInt32(min(attempt, 10) * 100_000))
            }
        }
    }

    // MARK: Orphans and duplicates

    private func withOrphans(_ error: PostgresError, _ repair: Repair) -> PostgresError {
        let found = repair.constraints.compactMap { constraint in
            ForeignKeyOrphans.description(of: constraint.name, on: constraint.table, connection)
        }
        guard !found.isEmpty else { return error }
        return error.explained(
            found.joined(separator: "\n    "),
            hint: "delete or change the rows, or insert the rows they refer to, then run rebuild again"
        )
    }

    private func withDuplicates(_ error: PostgresError, _ repair: Repair) -> PostgresError {
        let columns = repair.uniqueColumns.map { Identifier($0) }
        guard let found = DuplicateRows.description(of: columns, in: repair.table, connection) else { return error }
        return error.explained(
            found,
            hint: "delete or change the rows that do not belong there (by ctid), then run rebuild again"
        )
    }
}
