import Synchronization
package import Tidemark

/// The messages of a run, with the time since recording started.
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

    /// Returns when a text first appeared; nil if it did not.
    package func seconds(of text: String) -> Double? {
        lines.withLock { lines in lines.first { $0.text.contains(text) }?.seconds }
    }

    package var all: [String] { lines.withLock { $0.map(\.text) } }
}
