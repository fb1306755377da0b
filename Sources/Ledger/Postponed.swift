package import Postgres
import Synchronization

/// Tables that somebody else has locked: they are left for later, while others are worked on.
package final class Postponed: Sendable {
    /// How long a table is left alone.
    private static let pause = Duration.seconds(1)

    private let tables = Mutex<[QualifiedName: ContinuousClock.Instant]>([:])

    package init() {}

    /// Those that are to be left alone now.
    package var now: [QualifiedName] {
        let moment = ContinuousClock.now
        return tables.withLock { tables in tables.filter { $0.value > moment }.keys.sorted() }
    }

    /// Whether any is left for later.
    package var isEmpty: Bool { tables.withLock(\.isEmpty) }

    /// Leaves a table for later.
    ///
    /// - Returns: Whether it was not left before.
    @discardableResult
    package func postpone(_ table: QualifiedName) -> Bool {
        tables.withLock { $0.updateValue(.now + Self.pause, forKey: table) == nil }
    }

    /// Says that a table could be worked on.
    package func resume(_ table: QualifiedName) {
        tables.withLock { $0[table] = nil }
    }
}
