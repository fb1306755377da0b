import ArgumentParser
import FoundationEssentials
import Postgres

/// The option that names the source.
struct SourceOption: ParsableArguments {
    @Option(help: ArgumentHelp("The database to migrate from (default: TIDEMARK_SOURCE)", valueName: "url"))
    var source: String?

    func endpoint() throws -> Endpoint {
        try Self.endpoint(source, side: .source)
    }

    private static func variable(_ side: Endpoint.Side) -> String { "TIDEMARK_\(side.rawValue.uppercased())" }

    /// What names a database; nil if neither the option nor the variable does.
    static func text(_ given: String?, side: Endpoint.Side) -> String? {
        let text = given ?? ProcessInfo.processInfo.environment[variable(side)]
        return text?.isEmpty == false ? text : nil
    }

    static func endpoint(_ given: String?, side: Endpoint.Side, role: String? = nil) throws -> Endpoint {
        guard let text = text(given, side: side) else {
            throw UsageError(description: "no \(side.rawValue): give --\(side.rawValue) URL, or set \(variable(side))")
        }
        do {
            return try Endpoint(text, side: side, role: role)
        } catch {
            throw UsageError(description: "\(error)")
        }
    }
}

/// The options that name the target.
struct TargetOption: ParsableArguments {
    @Option(help: ArgumentHelp("The database to migrate to (default: TIDEMARK_TARGET)", valueName: "url"))
    var target: String?

    @Option(help: ArgumentHelp("Do everything on the target as this role (SET ROLE)", valueName: "name"))
    var role: String?

    func endpoint() throws -> Endpoint {
        try SourceOption.endpoint(target, side: .target, role: role)
    }

    /// The target; nil if neither the option nor the variable names one.
    func endpointIfGiven() throws -> Endpoint? {
        SourceOption.text(target, side: .target) == nil ? nil : try endpoint()
    }
}

/// The options for how a run is followed: files, log, hook.
struct ReportingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write report.html, report.json, report.md and junit.xml into this folder, even if the run fails",
            valueName: "dir"
        )
    )
    var report: String?

    @Option(
        help: ArgumentHelp(
            "Log as text for people (plain, the default), or each event as one line of JSON (json; docs/event.schema.json)",
            valueName: "format"
        )
    )
    var logFormat = LogFormat.plain

    @Option(
        help: ArgumentHelp(
            "Run this line of sh at the beginning, at each phase and at the end, with the event as JSON on its standard input",
            valueName: "command"
        )
    )
    var onEvent: String?
}

/// The options for what is printed, and how.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the report as JSON")
    var json = false

    @Flag(name: .shortAndLong, help: "Print only the report and errors")
    var quiet = false
}

/// The argument of `--log-format`.
enum LogFormat: String, ExpressibleByArgument, Sendable {
    case plain, json
}
