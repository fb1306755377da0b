import Synchronization

/// A flag that is raised once and read by several tasks.
package final class Flag: Sendable {
    private let state = Atomic<Bool>(false)

    package init() {}

    package var isRaised: Bool { state.load(ordering: .relaxed) }

    package func raise() { state.store(true, ordering: .relaxed) }
}
