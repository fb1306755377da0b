import ArgumentParser
import Report
import Tidemark

struct DumpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Writes a base the first time, and what has changed since every next time.",
        discussion: """
            Needs SELECT on the source's tables and sequences. Killed or stopped at any moment, the same command goes on \
            with the chunks that are on disk; earlier generations are never touched.
            """
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var archive: ArchiveOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var omissions: OmissionArguments
    @OptionGroup var output: OutputOptions
    @OptionGroup var files: ReportOption

    @Flag(help: "Read everything in one snapshot; a transaction stays open on the source as long as the dump takes.")
    var consistent = false

    @Option(help: ArgumentHelp("zstd's level, 1 to 19.", valueName: "level"))
    var level = 1

    @Option(help: ArgumentHelp("Where pg_dump is; by default PATH and the usual folders.", valueName: "folder"))
    var pgBin: String?

    func validate() throws {
        guard (1...19).contains(level) else { throw ValidationError("--level is 1 to 19") }
    }

    func run() async throws {
        try await Terminal.run(quiet: output.quiet, report: files.report) { terminal in
            var options = try plan.options()
            omissions.apply(to: &options)
            if let pgBin { options.toolDirectory = pgBin }
            var archive = DatabaseArchive(
                archive.archive,
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            archive.isConsistent = consistent
            archive.level = level
            return try terminal.print(try await archive.dump(from: source.endpoint()), json: output.json)
        }
    }
}

/// The archive's folder.
struct ArchiveOption: ParsableArguments {
    @Option(help: ArgumentHelp("The archive's folder.", valueName: "folder"))
    var archive: String
}
