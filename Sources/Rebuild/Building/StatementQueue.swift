import DequeModule
package import Postgres
import Synchronization

/// Statements that may run in any order, run by several connections until none is left.
package final class StatementQueue: Sendable {
    /// One statement, and a description of it for the operator.
    package struct Item: Sendable {
        let activity: String
        let sql: SQL
        let isShort: Bool

        /// - Parameters:
        ///   - activity: What it does, for the operator.
        ///   - sql: The statement.
        ///   - isShort: Whether it takes no longer than a round trip may.
        package init(_ activity: String, sql: SQL, isShort: Bool = false) {
            self.activity = activity
            self.sql = sql
            self.isShort = isShort
        }
    }

    /// How many short statements share a round trip.
    private static let mostTogether = 25

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
        while !stop.isRequested {
            let some = items.withLock { Self.take(&$0) }
            guard let first = some.first else { return }
            guard some.count > 1 else {
                try during(first.activity) { try connection.execute(first.sql) }
                StatusPoint.statementDone.reached()
                continue
            }
            for (item, outcome) in zip(some, try connection.pipeline(some.map { [$0.sql] })) {
                _ = try during(item.activity) { try outcome.answers() }
            }
            StatusPoint.statementDone.reached()
        }
    }

    /// Takes the next statement, or several short ones.
    private static func take(_ items: inout Deque<Item>) -> [Item] {
        var some: [Item] = []
        while let item = items.first, some.isEmpty || item.isShort && some.count < mostTogether {
            some.append(item)
            items.removeFirst()
            guard item.isShort else { break }
        }
        return some
    }
}
