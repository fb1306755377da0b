import ArgumentParser
import Report
import Tidemark

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compares the rows of both databases and everything their catalogs define; changes nothing.",
        discussion:
            "Exit code 0: proven equal. 2: they differ, each difference is named. 3: something could not be examined."
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var proof: ProofArguments
    @OptionGroup var omissions: OmissionArguments
    @Option(
        help: ArgumentHelp("Compare with what an archive recorded: the source may be gone.", valueName: "folder")
    )
    var archive: String?

    @Option(help: ArgumentHelp("With --archive: the generation; by default the newest.", valueName: "number"))
    var until: Int?

    @Flag(help: "Try an INSERT into every table of the target, and take it back; a cutover always does.")
    var tryInserts = false
    @OptionGroup var output: OutputOptions
    @OptionGroup var files: ReportOption

    func run() async throws {
        try await Terminal.run(quiet: output.quiet, report: files.report) { terminal in
            var options = try plan.options()
            proof.apply(to: &options)
            omissions.apply(to: &options)
            options.triesInserts = tryInserts
            if let archive {
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
            return try terminal.print(try await migration.verify(), json: output.json)
        }
    }
}
