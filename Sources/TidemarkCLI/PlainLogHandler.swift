import FoundationEssentials
import Logging
import Report

/// One line per message: local time with its zone, and text.
struct PlainLogHandler: LogHandler {
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
