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

    func run() async throws {
        try await Terminal.run(quiet: output.quiet, report: report) { terminal in
            var options = try plan.options()
            try omissions.apply(to: &options)
            tools.apply(to: &options)
            guard let target = try target.endpointIfGiven() else {
                let inspection = try SourceInspection(
                    source: source.endpoint(),
                    options: options,
                    stop: terminal.stop,
                    observer: terminal.show
                )
                return try terminal.print(try await inspection.run(), json: output.json)
            }
            let migration = try Migration(
                source: source.endpoint(),
                target: target,
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            return try terminal.print(try await migration.inspect(), json: output.json)
        }
    }
}
