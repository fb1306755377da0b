import Synchronization

/// Tables whose slices cannot be read, with the reasons; shared by all workers.
package final class VoidSlices: Sendable {
    private let state = Mutex<[Int: String]>([:])

    package init() {}

    /// The reasons, by the tables' numbers.
    package var reasons: [Int: String] { state.withLock(\.self) }

    func note(_ relation: Int, _ reason: String) { state.withLock { $0[relation] = reason } }
}
