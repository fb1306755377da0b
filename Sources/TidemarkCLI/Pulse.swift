import Report
import Synchronization

/// When something was last logged, and in which phase; used from several threads.
final class Pulse: Sendable {
    private struct State {
        var phase: (name: String, begun: ContinuousClock.Instant)?
        var last: ContinuousClock.Instant
        var progress: RunProgress?
        var working: [String] = []
    }

    private let begun: ContinuousClock.Instant
    private let state: Mutex<State>

    init() {
        begun = .now
        state = Mutex(State(phase: nil, last: begun))
    }

    func begin(_ phase: String) {
        state.withLock { $0 = State(phase: (phase, .now), last: .now) }
    }

    func beat() {
        state.withLock { $0.last = .now }
    }

    func note(_ progress: RunProgress) {
        state.withLock { $0.progress = progress }
    }

    func note(_ working: [String]) {
        state.withLock { $0.working = working }
    }

    /// How far the phase is, if it is time to log that.
    func dueLine() -> String? {
        state.withLock { state in
            guard let phase = state.phase, isDue(&state) else { return nil }
            let seconds = phase.begun.duration(to: .now).components.seconds
            let parts = [state.progress?.line].compactMap(\.self) + state.working
            let details = parts.isEmpty ? "" : ": \(parts.joined(separator: "; "))"
            // What was reported is said once; it is reported again if it goes on.
            state.working = []
            return "\(phase.name), \(Quantity.clock(Double(seconds)))\(details)"
        }
    }

    /// During the first ten minutes a line is due every 1.6 s, because someone is probably watching; then every 10 s.
    private func isDue(_ state: inout State) -> Bool {
        let now = ContinuousClock.now
        let interval = begun.duration(to: now) < .seconds(600) ? Duration.milliseconds(1_600) : .seconds(10)
        guard state.last.duration(to: now) >= interval else { return false }
        state.last = now
        return true
    }
}

extension RunProgress {
    /// The progress in one line.
    var line: String {
        let copied = Quantity.bytes(bytes)
        guard chunks < allChunks else { return "all \(Quantity.count(allChunks, "chunk")) done, \(copied) copied" }
        let left = secondsLeft.map { ", about \(Quantity.clock($0)) left" } ?? ""
        return "\(Int(100 * share)) %, \(Quantity.count(chunks)) of \(Quantity.count(allChunks, "chunk")), \(copied), "
            + "\(Quantity.bytes(Int(bytesPerSecond)))/s\(left)"
    }
}
