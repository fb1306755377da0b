import ArgumentParser
import Rebuild
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
    @OptionGroup var tools: ToolsArgument
    @OptionGroup var output: OutputOptions
    @OptionGroup var files: ReportOption

    @Option(
        help: ArgumentHelp(
            "With --archive -: keep the manifests here, so that the next dump is a delta.",
            valueName: "folder"
        )
    )
    var manifests: String?

    @Flag(help: "Read everything in one snapshot; a transaction stays open on the source as long as the dump takes.")
    var consistent = false

    @Option(help: ArgumentHelp("zstd's level, 1 to 19.", valueName: "level"))
    var level = 1

    @Option(
        help: ArgumentHelp(
            "Threads of each job that compress, beside the one that reads; for high levels.",
            valueName: "count"
        )
    )
    var threads = 0

    @Option(
        help: ArgumentHelp(
            "Begin another file where a chunk's has this size; a table without a key is one chunk.",
            valueName: "size"
        )
    )
    var splitFiles: ByteSize?

    func validate() throws {
        guard (1...19).contains(level) else { throw ValidationError("--level is 1 to 19") }
        guard (0...64).contains(threads) else { throw ValidationError("--threads is 0 to 64") }
        guard splitFiles.map({ $0.bytes >= 1 << 20 }) ?? true else {
            throw ValidationError("--split-files is at least 1MB")
        }
        guard manifests == nil || archive.isStream else { throw ValidationError("--manifests goes with --archive -") }
    }

    func run() async throws {
        try await Terminal.run(quiet: output.quiet, report: files.report) { terminal in
            var options = try plan.options()
            omissions.apply(to: &options)
            tools.apply(to: &options)
            func dump(into folder: String) async throws -> RunReport {
                var written = DatabaseArchive(folder, options: options, stop: terminal.stop, observer: terminal.show)
                written.isConsistent = consistent
                written.level = level
                written.threads = threads
                written.splitBytes = splitFiles?.bytes
                guard archive.isStream else { return try await written.dump(from: source.endpoint()) }
                return try await written.dump(from: source.endpoint(), to: StandardOutput.descriptor)
            }
            guard archive.isStream else {
                return try terminal.print(try await dump(into: archive.archive), json: output.json)
            }
            let report: RunReport
            if let manifests {
                report = try await dump(into: manifests)
            } else {
                report = try await PrivateFolder.with(in: MigrationOptions.ofCommandLine.scratchDirectory) {
                    try await dump(into: $0)
                }
            }
            // Standard output is the archive's.
            return try terminal.complain(report, json: output.json)
        }
    }
}

/// The archive's folder.
struct ArchiveOption: ParsableArguments {
    @Option(help: ArgumentHelp("The archive's folder; dump and restore take - for a stream.", valueName: "folder"))
    var archive: String

    var isStream: Bool { archive == "-" }
}
