import ArgumentParser
import Rebuild
import Report
import Tidemark

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Brings a database to a generation of an archive, and proves it.",
        discussion: """
            Needs an empty database that is owned, or one that stands at an earlier generation of the same archive. Days \
            ahead, restore the base with --ahead; on the night, ship the delta and restore it without. Killed or stopped at any \
            moment, the same command goes on from there.
            """
    )

    @OptionGroup var archive: ArchiveOption
    @OptionGroup var target: TargetOption
    @OptionGroup var build: BuildArguments
    @OptionGroup var jobs: JobsArgument
    @OptionGroup var output: OutputOptions
    @OptionGroup var files: ReportOption

    @Option(help: ArgumentHelp("The generation wanted; by default the newest.", valueName: "number"))
    var until: Int?

    @Flag(help: "Bring rows, keys and indexes only: later generations are to come.")
    var ahead = false

    @Flag(
        help:
            "End when everything is built and compare nothing: verify --archive does it later, as does the same command without this."
    )
    var noProof = false

    func run() async throws {
        try await Terminal.run(quiet: output.quiet, report: files.report) { terminal in
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

/// How much is done at the same time.
struct JobsArgument: ParsableArguments {
    @Option(name: .jobs, help: "Files loaded, and ranges compared, at the same time (4).")
    var jobs: Int?

    func apply(to options: inout MigrationOptions) throws {
        if let jobs { options.jobs = try PlanArguments.count(jobs, "--jobs") }
    }
}
