import ArgumentParser
import FoundationEssentials
import Tidemark

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Takes part in a precopy or a cutover that runs elsewhere: copies chunks, builds keys and indexes.",
        discussion: HelpText.of(
            """
            Start it on any number of machines that reach both servers, with the source, the target and the role of that \
            call. It waits for a call, works until that has ended, and ends. If it is killed or cut off, what it had \
            claimed goes back to the others.
            """,
            examples: "worker --source URL --target URL --jobs 8",
            "worker --name rack-2 --wait 3600",
            "worker --stay"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var output: OutputOptions

    @Option(
        name: .jobs,
        help: ArgumentHelp("Copy this many chunks at the same time (default: 4)", valueName: "number")
    )
    var jobs: Int?

    @Option(help: ArgumentHelp("Build this many keys and indexes at the same time (default: 2)", valueName: "number"))
    var indexJobs: Int?

    @Option(help: ArgumentHelp("Use this much memory for all index builds (default: 512MB)", valueName: "size"))
    var indexMemory: ByteSize?

    @Option(help: ArgumentHelp("Its name in status and reports (default: the machine's name)", valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "How long to wait for a call to begin, also again if its client was lost (default: 600)",
            valueName: "seconds"
        )
    )
    var wait: Int?

    @Flag(help: "Take part in one call after the other until it is stopped")
    var stay = false

    func run() async throws {
        try await Terminal.run(quiet: output.quiet) { terminal in
            var options = MigrationOptions()
            if let jobs { options.jobs = try PlanArguments.count(jobs, "--jobs") }
            if let indexJobs { options.indexJobs = try PlanArguments.count(indexJobs, "--index-jobs") }
            if let indexMemory { options.indexMemoryBytes = indexMemory.bytes }
            guard (1...604_800).contains(wait ?? 600) else {
                throw UsageError(description: "--wait must be a number of seconds from 1 to 604800")
            }
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            let report = try await migration.work(
                as: name ?? ProcessInfo.processInfo.hostName,
                waiting: .seconds(wait ?? 600),
                stays: stay
            )
            terminal.say(output.json ? try report.json() : report.text)
            return report.isStopped ? .stopped : .done
        }
    }
}
