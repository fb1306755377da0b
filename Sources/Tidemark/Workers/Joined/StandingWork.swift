import Synchronization

/// The announcements that stand in the ledger, as they were read last.
///
/// A lane that has no share waits, and finds out only here that its work is over: until its session ends, it looks as if rows were
/// still being written.
package final class StandingWork: Sendable {
    private struct State {
        var readAt: ContinuousClock.Instant?
        var numbers: Set<Int> = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Enters what was read.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of the announcements.
    ///   - readAt: A moment before they were read.
    package func set(_ numbers: [Int], readAt: ContinuousClock.Instant) {
        state.withLock { $0 = State(readAt: readAt, numbers: Set(numbers)) }
    }

    /// Whether an announcement that stood at a moment has been withdrawn since.
    package func isWithdrawn(_ number: Int, since moment: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            guard let readAt = state.readAt, readAt > moment else { return false }
            return !state.numbers.contains(number)
        }
    }
}
