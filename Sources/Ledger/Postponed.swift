package import Postgres
import Synchronization

/// Tables that other sessions have locked; they are postponed while other tables are processed.
package final class Postponed: Sendable {
    /// How long a table is skipped.
    private static let pause = Duration.seconds(1)

    private let tables = Mutex<[QualifiedName: ContinuousClock.Instant]>([:])

    package init() {}

    /// The tables to skip now.
    package var now: [QualifiedName] {
        let moment = ContinuousClock.now
        return tables.withLock { tables in tables.filter { $0.value > moment }.keys.sorted() }
    }

    /// Postpones a table.
    ///
    /// - Returns: Whether it was not postponed before.
    @discardableResult
    package func postpone(_ table: QualifiedName) -> Bool {
        tables.withLock { $0.updateValue(.now + Self.pause, forKey: table) == nil }
    }

    /// Ends the postponement of a table.
    package func resume(_ table: QualifiedName) {
        tables.withLock { $0[table] = nil }
    }
}
