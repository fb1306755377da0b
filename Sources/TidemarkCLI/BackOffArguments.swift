import ArgumentParser
import Tidemark

/// The options that make a precopy pause while the servers are busy.
struct BackOffArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Pause while a replica of either side, or a source that is one, is further behind than this, such as 10s",
            valueName: "time"
        ),
        transform: { try Self.time($0, "--max-lag") }
    )
    var maxLag: Duration?

    @Option(
        help: ArgumentHelp(
            "Pause while more sessions than this are active on the source's server",
            valueName: "number"
        )
    )
    var maxActive: Int?

    @Option(
        help: ArgumentHelp(
            "Pause while this query on the source takes longer than --max-probe-time; it runs each second",
            valueName: "SQL"
        )
    )
    var probe: String?

    @Option(
        help: ArgumentHelp("How long the --probe may take (default: 500ms)", valueName: "time"),
        transform: { try Self.time($0, "--max-probe-time") }
    )
    var maxProbeTime: Duration?

    func apply(to options: inout MigrationOptions) throws {
        if let maxLag { options.backOff.longestLag = maxLag }
        if let maxActive {
            guard maxActive >= 0 else { throw UsageError(description: "--max-active must be a number, 0 or more") }
            options.backOff.mostActiveSessions = maxActive
        }
        if let probe { options.backOff.probe = probe }
        if let maxProbeTime { options.backOff.longestProbe = maxProbeTime }
        guard maxProbeTime == nil || options.backOff.probe != nil else {
            throw UsageError(description: "--max-probe-time needs the query it limits: --probe SQL")
        }
    }

    private static func time(_ text: String, _ option: String) throws -> Duration {
        guard let time = TimeLimit(text) else {
            throw UsageError(description: "\(option) must be a time such as 200ms, 10s or 2m")
        }
        return time.duration
    }
}

/// A limit in time: `200ms`, `10s`, `2m`; a number alone means seconds.
struct TimeLimit {
    let duration: Duration

    init?(_ text: String) {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let units: [(unit: String, milliseconds: Int)] = [("ms", 1), ("s", 1000), ("", 1000), ("m", 60_000)]
        let unit = String(text.utf8.dropFirst(digits.count)) ?? "?"
        guard (1...7).contains(digits.count), let number = Int(Substring(digits)), number > 0,
            let milliseconds = units.first(where: { $0.unit == unit })?.milliseconds
        else { return nil }
        duration = .milliseconds(number * milliseconds)
    }
}
