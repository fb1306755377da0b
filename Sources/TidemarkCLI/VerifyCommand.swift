import ArgumentParser
import Report
import Tidemark

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compares the rows and all definitions of both databases; changes nothing.",
        discussion: HelpText.of(
            "Exit code 0: proven equal. 2: they differ; the differences are listed. 3: something could not be proven.",
            examples: "verify --report proof",
            "verify --since-cutover",
            "verify --archive shop.tidemark --target URL"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var proof: ProofArguments
    @OptionGroup var omissions: OmissionArguments
    @Option(
        help: ArgumentHelp("Compare with what an archive recorded; needs no source", valueName: "folder")
    )
    var archive: String?

    @Option(help: ArgumentHelp("With --archive: compare with this generation (default: newest)", valueName: "number"))
    var until: Int?

    @Flag(
        help:
            "Try an INSERT into each table where no application code would run, and roll it back (cutover always does)"
    )
    var tryInserts = false

    @Flag(
        help:
            "Leave out what others wrote on the target since the cutover, and count it: the new site is open, the source closed"
    )
    var sinceCutover = false
    @OptionGroup var output: OutputOptions
    @OptionGroup var reporting: ReportingOptions

    func run() async throws {
        try await Terminal.run(output, reporting) { terminal in
            var options = try plan.options()
            proof.apply(to: &options)
            try omissions.apply(to: &options)
            options.triesInserts = tryInserts
            if let archive {
                guard !sinceCutover else {
                    throw UsageError(
                        description: "--since-cutover compares with the source, --archive with what was recorded"
                    )
                }
                let recorded = DatabaseArchive(archive, options: options, stop: terminal.stop, observer: terminal.show)
                let report = try await recorded.verify(target.endpoint(), at: until)
                return try terminal.print(report, json: output.json)
            }
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            return try terminal.print(try await migration.verify(sinceCutover: sinceCutover), json: output.json)
        }
    }
}
