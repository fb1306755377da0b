import ArgumentParser
import Report
import Tidemark

struct CutoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cutover",
        abstract: "The night: the last delta in one snapshot, every key and index, and the proof.",
        discussion: """
            Nobody may write to the source any more. Up to the foreign keys the command can be run again for a newer \
            state; exit code 0 means done and proven.
            """
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var build: BuildArguments
    @OptionGroup var proof: ProofArguments
    @OptionGroup var output: OutputOptions
    @OptionGroup var files: ReportOption

    @Option(
        help: "What keeps the source still: trust (maintenance mode), or lock (SHARE locks; needs more than SELECT).",
        transform: { text in
            guard let fence = Fence(rawValue: text) else { throw UsageError(description: "--fence is trust or lock") }
            return fence
        }
    )
    var fence = Fence.trust

    func run() async throws {
        try await Terminal.run(quiet: output.quiet, report: files.report) { terminal in
            var options = try plan.options()
            try build.apply(to: &options)
            proof.apply(to: &options)
            options.fence = fence
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            return try terminal.print(try await migration.cutover(), json: output.json)
        }
    }
}
