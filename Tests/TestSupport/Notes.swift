import Synchronization
package import Tidemark

/// What a run tells, with the time since the notes were begun.
package final class Notes: Sendable {
    private let lines = Mutex<[(text: String, seconds: Double)]>([])
    private let beginning = ContinuousClock.now

    package init() {}

    package func take(_ event: RunEvent) {
        guard case .note(let line) = event else { return }
        let seconds = beginning.duration(to: .now) / .seconds(1)
        lines.withLock { $0.append((line, seconds)) }
    }

    package func contain(_ text: String) -> Bool { seconds(of: text) != nil }

    /// When something was told first; nil where it was not.
    package func seconds(of text: String) -> Double? {
        lines.withLock { lines in lines.first { $0.text.contains(text) }?.seconds }
    }

    package var all: [String] { lines.withLock { $0.map(\.text) } }
}
