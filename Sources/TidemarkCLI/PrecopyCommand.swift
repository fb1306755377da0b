import ArgumentParser
import Report
import Tidemark

struct PrecopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "precopy",
        abstract: "Copies ahead while the source stays in production; run again, it moves the marks.",
        discussion: """
            Needs SELECT on the source's tables and sequences, and an empty target database that is owned. Killed or \
            stopped at any moment, the same command goes on from there.
            """
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var build: BuildArguments
    @OptionGroup var output: OutputOptions
    @OptionGroup var files: ReportOption

    @Flag(help: "Take a target that was filled from the source by other means; compare, and copy only what differs.")
    var adopt = false

    @Option(
        help: ArgumentHelp(
            "Make the definitions (create), or take the empty tables that are there (existing).",
            valueName: "how"
        )
    )
    var schema = Schema.create

    @Flag(help: "With --schema existing: load into the indexes that are there instead of building them after the rows.")
    var keepIndexes = false

    @Flag(help: "Do not compare what was copied right away: the night then compares all of it.")
    var noProof = false

    enum Schema: String, ExpressibleByArgument {
        case create, existing
    }

    func run() async throws {
        try await Terminal.run(quiet: output.quiet, report: files.report) { terminal in
            var options = try plan.options()
            try build.apply(to: &options)
            options.targetContents = adopt ? .rows : schema == .existing ? .schema : .nothing
            options.keepsIndexes = keepIndexes
            options.provesAhead = !noProof
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            return try terminal.print(try await migration.precopy(), json: output.json)
        }
    }
}
