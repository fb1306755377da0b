import ArgumentParser
import Report
import Tidemark

struct ThrottleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throttle",
        abstract: "Changes how fast the run on a target copies, or pauses it, while it works.",
        discussion: HelpText.of(
            """
            A pause comes between two chunks: no transaction is left open on the source. All of it ends with the call that \
            is at work: the next one begins at its own --max-rate and --jobs.
            """,
            examples: "throttle --max-rate 10MB",
            "throttle --jobs 1",
            "throttle --pause",
            "throttle --resume --max-rate none"
        )
    )

    @OptionGroup var target: TargetOption

    @Option(
        help: ArgumentHelp("Copy at most this much a second (none: no limit)", valueName: "size"),
        transform: { text in
            if text == "none" { return 0 }
            return try MaxRate.bytes(text)
        }
    )
    var maxRate: Int?

    @Option(
        name: .jobs,
        help: ArgumentHelp(
            "Copy this many chunks at the same time, at most as many as the call was given",
            valueName: "number"
        )
    )
    var jobs: Int?

    @Flag(help: "Pause after the chunks at hand")
    var pause = false

    @Flag(help: "Go on after a pause")
    var resume = false

    func run() async throws {
        try await Terminal.run(quiet: true) { terminal in
            guard pause || resume || maxRate != nil || jobs != nil else {
                throw UsageError(description: "nothing to change: give --max-rate, --jobs, --pause or --resume")
            }
            guard !(pause && resume) else { throw UsageError(description: "--pause and --resume exclude each other") }
            let set = try await LedgerAdministration(target: target.endpoint()).throttle(
                maxRate: maxRate,
                jobs: try jobs.map { try PlanArguments.count($0, "--jobs") },
                isPaused: pause ? true : resume ? false : nil
            )
            guard let set else {
                terminal.complain("the target has no ledger: no run has started there")
                return .failed
            }
            terminal.say(set.text)
            return .done
        }
    }
}

/// The argument of `--max-rate`.
enum MaxRate {
    /// One batch of rows has 64 KiB.
    private static let least = 64 << 10

    /// - Throws: ``UsageError``.
    static func bytes(_ text: String) throws -> Int {
        guard let size = ByteSize(argument: text), size.bytes >= least else {
            throw UsageError(description: "--max-rate must be a size of at least 64kB, such as 20MB")
        }
        return size.bytes
    }
}
