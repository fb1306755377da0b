import DequeModule
import Postgres
import Synchronization

/// Repairs that several connections take from.
package final class RepairQueue: Sendable {
    private let groups: Mutex<Deque<[Repair]>>
    /// The number of groups that can be taken.
    package let count: Int

    /// - Parameters:
    ///   - repairs: Repairs whose order matters within a table only.
    ///   - byTable: Whether one connection takes all repairs of a table: concurrent builds, and statements that need a
    ///     strong lock, would only wait for each other on one table. Plain builds do not.
    package init(_ repairs: [Repair], byTable: Bool) {
        let groups = byTable ? Array(Dictionary(grouping: repairs, by: \.table).values) : repairs.map { [$0] }
        let largestFirst = groups.sorted { one, other in
            one.reduce(0) { $0 + $1.bytes } > other.reduce(0) { $0 + $1.bytes }
        }
        count = groups.count
        self.groups = Mutex(Deque(largestFirst))
    }

    /// Takes the next group, the largest first.
    package func next() -> [Repair]? { groups.withLock { $0.popFirst() } }
}
