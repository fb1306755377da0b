/// A wait with an end, told while it lasts: nobody looks at a silent terminal for longer than two seconds.
struct Waiting {
    private static let interval = Duration.seconds(2)
    private static let pause = Duration.milliseconds(200)

    private let begun = ContinuousClock.now
    private let patience: Duration
    private let tell: @Sendable (String) -> Void
    private var isDue: ContinuousClock.Instant

    /// - Parameters:
    ///   - patience: How long to wait.
    ///   - tell: Receives what is waited for.
    init(patience: Duration, _ tell: @escaping @Sendable (String) -> Void) {
        self.patience = patience
        self.tell = tell
        isDue = begun
    }

    /// Waits a moment.
    ///
    /// - Parameter reason: What is waited for.
    /// - Returns: Whether to look again; false: the patience is at its end.
    /// - Throws: `CancellationError`.
    mutating func goesOn(_ reason: @autoclosure () -> String) async throws -> Bool {
        let now = ContinuousClock.now
        guard begun.duration(to: now) < patience else { return false }
        if now >= isDue {
            let seconds = begun.duration(to: now).components.seconds
            tell(seconds == 0 ? reason() : "\(reason()) (\(seconds) s)")
            isDue = now + Self.interval
        }
        try await Task.sleep(for: Self.pause)
        return true
    }
}
