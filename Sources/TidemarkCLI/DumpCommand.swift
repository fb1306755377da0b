import ArgumentParser
import Postgres
import Report
import Tidemark

struct DumpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Writes a base first, then a delta each time.",
        discussion: HelpText.of(
            """
            Needs SELECT on the source's tables and sequences. If it is killed or stopped, run the same command again: \
            it keeps the chunks that are on disk (with --consistent or --archive - it starts over). Earlier generations are never \
            changed.
            """,
            examples: "dump --archive shop.tidemark --source URL",
            "dump --archive shop.tidemark --consistent"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var archive: ArchiveOrStreamOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var omissions: OmissionArguments
    @OptionGroup var tools: ToolsArgument
    @OptionGroup var output: OutputOptions
    @OptionGroup var reporting: ReportingOptions

    @Option(
        help: ArgumentHelp(
            "With --archive -: keep the manifests here, so that the next dump is a delta",
            valueName: "folder"
        )
    )
    var manifests: String?

    @Flag(help: "Read everything in one snapshot; keeps a transaction open on the source for the whole dump")
    var consistent = false

    @Option(help: ArgumentHelp("Compress with this zstd level, 1 to 19", valueName: "level"))
    var level = 1

    @Option(
        help: ArgumentHelp(
            "Compress with this many threads per job, besides the reader; useful with high levels",
            valueName: "count"
        )
    )
    var threads = 0

    @Option(
        help: ArgumentHelp(
            "Split a chunk's file at this size (a table without a key is one chunk)",
            valueName: "size"
        )
    )
    var splitFiles: ByteSize?

    func validate() throws {
        guard (1...19).contains(level) else { throw ValidationError("--level must be from 1 to 19") }
        guard (0...64).contains(threads) else { throw ValidationError("--threads must be from 0 to 64") }
        guard splitFiles.map({ $0.bytes >= 1 << 20 }) ?? true else {
            throw ValidationError("--split-files must be at least 1MB")
        }
        guard manifests == nil || archive.isStream else { throw ValidationError("--manifests requires --archive -") }
    }

    func run() async throws {
        try await Terminal.run(output, reporting) { terminal in
            var options = try plan.options()
            try omissions.apply(to: &options)
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
            // Standard output carries the archive.
            return try terminal.complain(report, json: output.json)
        }
    }
}
