import ArgumentParser
import Postgres
import Report
import Tidemark

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Restores a generation of an archive to a database, and proves the result.",
        discussion: HelpText.of(
            """
            Needs an empty database that you own, or one that is at an earlier generation of the same archive. Days \
            ahead, restore the base with --ahead; on the night, ship the delta and restore it without --ahead. If it \
            is killed or stopped, run the same command again to resume.
            """,
            examples: "restore --archive shop.tidemark --target URL --ahead",
            "restore --archive shop.tidemark --report proof"
        )
    )

    @OptionGroup var archive: ArchiveOrStreamOption
    @OptionGroup var target: TargetOption
    @OptionGroup var build: BuildArguments
    @OptionGroup var jobs: JobsArgument
    @OptionGroup var output: OutputOptions
    @OptionGroup var reporting: ReportingOptions

    @Option(help: ArgumentHelp("Restore this generation (default: newest)", valueName: "number"))
    var until: Int?

    @Flag(help: "Restore only rows, keys and indexes, because later generations will follow")
    var ahead = false

    @Flag(help: "Skip the proof; make up for it later with this command without the flag, or with verify --archive")
    var noProof = false

    func run() async throws {
        try await Terminal.run(output, reporting) { terminal in
            var options = MigrationOptions.ofCommandLine
            try build.apply(to: &options)
            try jobs.apply(to: &options)
            func restore(from folder: String) async throws -> RunReport {
                let read = DatabaseArchive(folder, options: options, stop: terminal.stop, observer: terminal.show)
                if archive.isStream { try read.receive(from: StandardInput.descriptor) }
                return try await read.restore(to: target.endpoint(), until: until, isAhead: ahead, proves: !noProof)
            }
            let report =
                archive.isStream
                ? try await PrivateFolder.with(in: options.scratchDirectory) { try await restore(from: $0) }
                : try await restore(from: archive.archive)
            return try terminal.print(report, json: output.json)
        }
    }
}

/// The option that says how much is done at the same time.
struct JobsArgument: ParsableArguments {
    @Option(
        name: .jobs,
        help: ArgumentHelp(
            "Load or compare this many files or ranges at the same time (default: 4)",
            valueName: "number"
        )
    )
    var jobs: Int?

    func apply(to options: inout MigrationOptions) throws {
        if let jobs { options.jobs = try PlanArguments.count(jobs, "--jobs") }
    }
}
