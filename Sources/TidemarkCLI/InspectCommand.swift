import ArgumentParser
import Postgres
import Report
import Tidemark

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "What will go wrong, before it does; writes nothing.",
        discussion: """
            Names what the target's server lacks or would refuse (extensions, roles, tablespaces, objects that need a \
            superuser), and what of the source will not arrive. Exit code 0: nothing stands in the way. 1: something \
            would stop the migration.
            """
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var omissions: OmissionArguments
    @OptionGroup var tools: ToolsArgument
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("Leave a table out, as precopy will; repeatable.", valueName: "schema.table"))
    var exclude: [String] = []

    func run() async throws {
        try await Terminal.run(quiet: output.quiet) { terminal in
            var options = MigrationOptions.ofCommandLine
            omissions.apply(to: &options)
            tools.apply(to: &options)
            for name in exclude { options.plan.treatments[try QualifiedName(argument: name)] = .excluded }
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            return try terminal.print(try await migration.inspect(), json: output.json)
        }
    }
}
