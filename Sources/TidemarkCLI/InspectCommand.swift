import ArgumentParser
import Postgres
import Report
import Tidemark

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Checks both servers for problems; writes nothing.",
        discussion: HelpText.of(
            """
            Lists what the target server lacks or would refuse (extensions, roles, tablespaces, objects that need a \
            superuser), and what will not be copied from the source. Without --target it looks at the source alone. Exit \
            code 0: nothing is in the way. 1: something would stop the migration.
            """,
            examples: "inspect --source URL",
            "inspect --source URL --target URL --report before",
            "inspect --source URL --deep --observe 10m",
            "inspect --no-owner --no-privileges --json"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var omissions: OmissionArguments
    @OptionGroup var tools: ToolsArgument
    @OptionGroup var output: OutputOptions

    @Option(
        help: ArgumentHelp("Write report.html, report.json, report.md and junit.xml into this folder", valueName: "dir")
    )
    var report: String?

    @Flag(
        help:
            "Read the source's rows as well: duplicates in unique keys, rows that refer to missing ones, rows near 1 GB"
    )
    var deep = false

    @Option(
        help: ArgumentHelp(
            "Count for this long what is written to each large table, such as 10m, and suggest its treatment",
            valueName: "time"
        ),
        transform: { text in
            guard let time = TimeLimit(text) else {
                throw UsageError(description: "--observe must be a time such as 30s or 10m")
            }
            return time.duration
        }
    )
    var observe: Duration?

    func run() async throws {
        try await Terminal.run(quiet: output.quiet, report: report) { terminal in
            var options = try plan.options()
            try omissions.apply(to: &options)
            tools.apply(to: &options)
            var depth = InspectionDepth()
            (depth.readsRows, depth.observes) = (deep, observe)
            guard let target = try target.endpointIfGiven() else {
                let inspection = try SourceInspection(
                    source: source.endpoint(),
                    options: options,
                    stop: terminal.stop,
                    observer: terminal.show
                )
                return try terminal.print(try await inspection.run(depth), json: output.json)
            }
            let migration = try Migration(
                source: source.endpoint(),
                target: target,
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            return try terminal.print(try await migration.inspect(depth), json: output.json)
        }
    }
}
