import FoundationEssentials
import Logging
import Report
import Synchronization
import Tidemark

/// Logs what a run does to standard error, with copy progress at intervals.
struct RunLog: Sendable {
    private let logger: Logger
    private let pulse = Pulse()
    private let format: LogFormat
    /// What is shown below the log; nil: standard error is no terminal, or the log is for machines.
    private let view: LiveView?

    /// - Parameter format: How events are logged.
    init(_ format: LogFormat) {
        self.format = format
        let view = format == .plain && LiveView.isPossible ? LiveView() : nil
        self.view = view
        logger = Logger(label: "tidemark") { _ in PlainLogHandler(view: view) }
    }

    func show(_ event: RunEvent) {
        guard format == .plain else {
            // A run does not end because its log cannot be written.
            if let line = try? EventDocument(event)?.line() { try? Output.errors.writeRaw(line + "\n") }
            return
        }
        view?.note(event)
        switch event {
        case .note(let text) where view != nil && LiveView.isWait(text): break
        case .phaseBegan(let phase):
            pulse.begin(phase.rawValue)
            logger.info("\(phase.rawValue)")
        case .note(let text):
            pulse.beat()
            logger.info("  \(text)")
        case .began, .phaseEnded, .warning, .built, .verified, .quiet, .late, .fenced, .forecast, .beganAgain, .ended:
            break
        case .progress(let progress):
            pulse.note(progress)
        case .working(let lines):
            pulse.note(lines)
        }
    }

    /// Shows that a stop was requested.
    func noteStop() { view?.noteStop() }

    /// Prints a line that is no part of the log, such as an error.
    func print(_ line: String) {
        // Whoever reads lines of JSON can read nothing else.
        if format == .json { return show(.warning(line)) }
        if let view { view.log(line) } else { try? Output.errors.write(line + "\n") }
    }

    /// Logs how far the current phase is whenever nothing else was logged for a while, until the task is cancelled.
    func keepTalking() async {
        if let view { return await view.run() }
        while (try? await Task.sleep(for: .milliseconds(100))) != nil {
            guard let line = pulse.dueLine() else { continue }
            logger.info("  \(line)")
        }
    }
}

/// When something was last logged, and in which phase; used from several threads.
private final class Pulse: Sendable {
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

/// One line per message: local time with its zone, and text.
private struct PlainLogHandler: LogHandler {
    let view: LiveView?
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // A run does not end because its log cannot be written.
        let line = "\(LocalTime.text(.now)) \(event.message)"
        if let view { view.log(line) } else { try? Output.errors.write(line + "\n") }
    }
}
