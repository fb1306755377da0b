package import FoundationEssentials
import Postgres

/// An event of a run as one JSON document: what `--log-format json` prints and hooks receive.
///
/// Described by docs/event.schema.json.
package struct EventDocument: Sendable, Codable {
    /// What happened.
    package enum Kind: String, Sendable, Codable {
        case began, phase, phaseEnded, note, warning, progress, working, beganAgain
        /// The end of a run with a verdict, or of one that had none to give.
        case verdict
        case stopped, failed
    }

    /// The version of the format, raised when a field changes its meaning or is removed.
    package static let formatVersion = 1

    package private(set) var format = formatVersion
    package let event: Kind
    /// When it happened, ISO 8601 in UTC.
    package let at: String
    /// The command that is run.
    package private(set) var command: String?
    package private(set) var source: String?
    package private(set) var target: String?
    package private(set) var phase: String?
    package private(set) var seconds: Double?
    package private(set) var text: String?
    package private(set) var chunks: Int?
    package private(set) var allChunks: Int?
    package private(set) var bytes: Int?
    package private(set) var bytesPerSecond: Double?
    package private(set) var outcome: RunReport.Outcome?

    /// Describes an event; nil for events that only the report shows.
    ///
    /// - Parameters:
    ///   - event: The event.
    ///   - date: When it happened.
    package init?(_ event: RunEvent, at date: Date = .now) {
        at = date.formatted(.iso8601)
        switch event {
        case .began(let report):
            self.event = .began
            describe(report)
        case .phaseBegan(let phase):
            self.event = .phase
            self.phase = phase.rawValue
        case .phaseEnded(let phase):
            self.event = .phaseEnded
            self.phase = phase.name
            seconds = phase.seconds
        case .note(let text):
            self.event = .note
            self.text = text
        case .warning(let text):
            self.event = .warning
            self.text = text
        case .progress(let progress):
            self.event = .progress
            chunks = progress.chunks
            allChunks = progress.allChunks
            bytes = progress.bytes
            bytesPerSecond = progress.bytesPerSecond.rounded()
        case .working(let lines):
            self.event = .working
            text = lines.joined(separator: "\n")
        case .beganAgain: self.event = .beganAgain
        case .ended(let report):
            self.event =
                switch report.outcome {
                case .stopped: .stopped
                case .failed: .failed
                case .done, .rehearsed, .differs, .notProven: .verdict
                }
            outcome = report.outcome
            text = report.failure ?? report.headline
            seconds = report.seconds
            describe(report)
        case .built, .verified, .quiet, .late, .fenced, .forecast: return nil
        }
    }

    private mutating func describe(_ report: RunReport) {
        command = report.command
        source = report.source
        target = report.target
    }

    /// The document in one line.
    package func line() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Escaping.json(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}
