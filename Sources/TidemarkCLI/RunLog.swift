import Glibc
import Logging
import Report
import Synchronization
import Tidemark

/// Logs what a run does to standard error, with copy progress at intervals.
struct RunLog: Sendable {
    private let logger: Logger
    private let pulse = Pulse()

    init() {
        logger = Logger(label: "tidemark") { _ in PlainLogHandler() }
    }

    func show(_ event: RunEvent) {
        switch event {
        case .phaseBegan(let phase):
            pulse.begin(phase.rawValue)
            logger.info("\(phase.rawValue)")
        case .note(let text):
            pulse.beat()
            logger.info("  \(text)")
        case .phaseEnded, .warning, .built, .verified, .quiet, .late, .beganAgain, .ended: break
        case .progress(let progress):
            guard pulse.isDue() else { return }
            let rate = progress.seconds > 0 ? Int(Double(progress.bytes) / progress.seconds) : 0
            logger.info(
                "  \(progress.chunks) of \(progress.allChunks) chunks, \(Quantity.bytes(progress.bytes)), \(Quantity.bytes(rate))/s"
            )
        }
    }

    /// Logs the current phase whenever nothing else was logged for a while, until the task is cancelled.
    func keepTalking() async {
        while (try? await Task.sleep(for: .milliseconds(100))) != nil {
            guard let phase = pulse.duePhase() else { continue }
            logger.info("  \(phase.name): \(phase.seconds) s so far")
        }
    }
}

/// When something was last logged, and in which phase; used from several threads.
private final class Pulse: Sendable {
    private struct State {
        var phase: (name: String, begun: ContinuousClock.Instant)?
        var last: ContinuousClock.Instant
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

    /// Whether it is time to log something; if so, counts it as logged.
    func isDue() -> Bool {
        state.withLock { isDue(&$0) }
    }

    /// The phase to log, if it is time to.
    func duePhase() -> (name: String, seconds: Int64)? {
        state.withLock { state in
            guard let phase = state.phase, isDue(&state) else { return nil }
            return (phase.name, phase.begun.duration(to: .now).components.seconds)
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

/// One line per message: UTC time and text.
private struct PlainLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : String(number) }
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        // A run does not end because its log cannot be written.
        try? Output.errors.write("\(clock) \(event.message)\n")
    }
}
