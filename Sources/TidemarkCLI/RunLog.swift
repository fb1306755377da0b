import Logging
import Report
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
