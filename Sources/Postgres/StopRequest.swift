import Synchronization

/// The operator's request to stop a run at the next safe point.
///
/// Not a cancellation: a worker finishes its current chunk or object, commits, and claims no further one.
public final class StopRequest: Sendable {
    private let requested = Atomic<Bool>(false)

    /// Creates a request that has not been made yet.
    public init() {}

    /// Whether the request was made.
    public var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Makes the request; may be called from any thread, any number of times.
    public func request() { requested.store(true, ordering: .relaxed) }
}
