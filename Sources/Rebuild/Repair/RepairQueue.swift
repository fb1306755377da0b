import DequeModule
import Postgres
import Synchronization

/// Repairs taken by several connections, a table's all by the same one.
///
/// Concurrent builds on one table would only wait for each other.
package final class RepairQueue: Sendable {
    private let tables: Mutex<Deque<[Repair]>>
    /// How many tables there are.
    package let count: Int

    /// - Parameter repairs: Repairs whose order matters within a table only.
    package init(_ repairs: [Repair]) {
        let tables = Dictionary(grouping: repairs, by: \.table).values.sorted { one, other in
            one.reduce(0) { $0 + $1.bytes } > other.reduce(0) { $0 + $1.bytes }
        }
        count = tables.count
        self.tables = Mutex(Deque(tables))
    }

    /// Takes the next table's repairs, the largest first.
    package func next() -> [Repair]? { tables.withLock { $0.popFirst() } }
}
