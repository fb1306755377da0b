/// A wait with a time limit that reports every two seconds what it waits for.
struct Waiting {
    private static let interval = Duration.seconds(2)
    private static let pause = Duration.milliseconds(200)

    private let begun = ContinuousClock.now
    private let patience: Duration
    private let note: @Sendable (String) -> Void
    private var isDue: ContinuousClock.Instant

    /// Starts the wait.
    ///
    /// - Parameters:
    ///   - patience: How long to wait at most.
    ///   - note: Receives a line about what is being waited for.
    init(patience: Duration, _ note: @escaping @Sendable (String) -> Void) {
        self.patience = patience
        self.note = note
        isDue = begun
    }

    /// Waits a moment.
    ///
    /// - Parameter reason: What is being waited for.
    /// - Returns: Whether to check again; false after the time limit.
    /// - Throws: `CancellationError`.
    mutating func goesOn(_ reason: @autoclosure () -> String) async throws -> Bool {
        let now = ContinuousClock.now
        guard begun.duration(to: now) < patience else { return false }
        if now >= isDue {
            let seconds = begun.duration(to: now).components.seconds
            note(seconds == 0 ? reason() : "\(reason()) (\(seconds) s)")
            isDue = now + Self.interval
        }
        try await Task.sleep(for: Self.pause)
        return true
    }
}
