import Synchronization

/// The operator's wish that a run end at the next point of safe return.
///
/// Not a cancellation: whoever sees it finishes the chunk or object at hand, commits, and takes no further one.
public final class StopRequest: Sendable {
    private let requested = Atomic<Bool>(false)

    /// Nobody has asked yet.
    public init() {}

    /// Whether somebody has asked.
    public var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Asks; may be called from any thread, any number of times.
    public func request() { requested.store(true, ordering: .relaxed) }
}
