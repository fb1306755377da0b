import ArgumentParser
import Report
import Tidemark

struct PrecopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "precopy",
        abstract: "Copies ahead while the source stays in production; run it again to catch up.",
        discussion: HelpText.of(
            """
            Needs SELECT on the source's tables and sequences, and an empty target database that you own. If it is \
            killed or stopped, run the same command again to resume.
            """,
            examples: "precopy --source URL --target URL --no-owner --no-privileges",
            "precopy --max-rate 20MB --jobs 2 --max-lag 10s",
            "precopy --report days-ahead --on-event ./tell-the-chat"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var build: BuildArguments
    @OptionGroup var output: OutputOptions
    @OptionGroup var reporting: ReportingOptions

    @Flag(
        help:
            "Adopt a target that was filled from the source by other means: compare it, replace what differs, delete rows that only the target has. In a run that has begun: take rows that others have written on the target for the run's own"
    )
    var adopt = false

    @Option(
        help: ArgumentHelp(
            "Create the definitions (create), or use the target's existing empty tables (existing)",
            valueName: "how"
        )
    )
    var schema = Schema.create

    @Flag(help: "With --schema existing: load into the existing indexes instead of building them after the rows")
    var keepIndexes = false

    @Flag(help: "Do not compare the copied rows now; the cutover then compares all of them")
    var noProof = false

    @Option(
        help: ArgumentHelp(
            "Cut chunks that take longer to read than this, so that no transaction holds back VACUUM on the source (default: 60)",
            valueName: "seconds"
        )
    )
    var maxTransaction: Int?

    enum Schema: String, ExpressibleByArgument {
        case create, existing
    }

    @Option(
        help: ArgumentHelp("Copy at most this much a second, all jobs together (default: no limit)", valueName: "size"),
        transform: MaxRate.bytes
    )
    var maxRate: Int?

    @OptionGroup var backOff: BackOffArguments

    func run() async throws {
        try await Terminal.run(output, reporting) { terminal in
            var options = try plan.options()
            try build.apply(to: &options)
            if let maxRate { options.maxRate = maxRate }
            try backOff.apply(to: &options)
            options.targetContents = adopt ? .rows : schema == .existing ? .schema : .nothing
            options.keepsIndexes = keepIndexes
            options.provesAhead = !noProof
            if let maxTransaction {
                guard (1...86_400).contains(maxTransaction) else {
                    throw UsageError(description: "--max-transaction must be a number of seconds from 1 to 86400")
                }
                options.longestTransaction = .seconds(maxTransaction)
            }
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
