import Glibc
import Logging
import Report
import Synchronization
import Tidemark

/// Tells an operator what a run does: log lines on standard error, and how far the copying is, not too often.
struct RunLog: Sendable {
    /// Seconds between two lines of progress.
    private static let interval = 5.0

    private let logger: Logger
    private let lastProgress = LastProgress()

    init() {
        logger = Logger(label: "tidemark") { _ in PlainLogHandler() }
    }

    func show(_ event: RunEvent) {
        switch event {
        case .phase(let name): logger.info("\(name)")
        case .note(let text): logger.info("  \(text)")
        case .failed: break
        case .progress(let progress):
            guard lastProgress.isDue(progress.seconds, every: Self.interval) else { return }
            let rate = progress.seconds > 0 ? Int(Double(progress.bytes) / progress.seconds) : 0
            logger.info(
                "  \(progress.chunks) of \(progress.allChunks) chunks, \(Quantity.bytes(progress.bytes)), \(Quantity.bytes(rate))/s"
            )
        }
    }
}

/// When progress was last told; asked from several threads.
private final class LastProgress: Sendable {
    private let seconds = Mutex(0.0)

    func isDue(_ now: Double, every interval: Double) -> Bool {
        seconds.withLock { last in
            if now < last { last = 0 }
            guard now - last >= interval else { return false }
            last = now
            return true
        }
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
        Terminal.write("\(clock) \(event.message)\n", to: STDERR_FILENO)
    }
}
