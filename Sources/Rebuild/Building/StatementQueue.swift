import DequeModule
package import Postgres
import Synchronization

/// Statements that may run in any order, run by several connections until none is left.
package final class StatementQueue: Sendable {
    /// One statement, and a description of it for the operator.
    package struct Item: Sendable {
        let activity: String
        let sql: SQL

        package init(_ activity: String, sql: SQL) {
            self.activity = activity
            self.sql = sql
        }
    }

    private let items: Mutex<Deque<Item>>

    /// - Parameter items: The statements; the first is taken first.
    package init(_ items: [Item]) {
        self.items = Mutex(Deque(items))
    }

    /// Runs statements until none is left or a stop is requested.
    ///
    /// - Parameters:
    ///   - connection: The connection they run on, each in its own transaction.
    ///   - stop: Ends the work between two statements.
    /// - Throws: ``PostgresError``, with the statement's activity.
    package func drain(on connection: Connection, stop: StopRequest) throws {
        while !stop.isRequested, let item = items.withLock({ $0.popFirst() }) {
            try during(item.activity) { try connection.execute(item.sql) }
        }
    }
}
