import ArgumentParser
import FoundationEssentials
import Planning
import Report
import Tidemark

struct CutoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cutover",
        abstract: "Copies the last delta in one snapshot, builds every key and index, and proves the result.",
        discussion: HelpText.of(
            """
            Stop all writes to the source first. Exit code 0 means done and proven. Until somebody else writes to the \
            target, the command can be run again, and copies what the source has written since. With --rehearse, do \
            all of it days ahead, while the application goes on writing to the source.
            """,
            examples: "cutover --rehearse",
            "cutover --report proof --window 4h",
            "cutover --fence read-only --evidence counters"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var build: BuildArguments
    @OptionGroup var proof: ProofArguments
    @OptionGroup var output: OutputOptions
    @OptionGroup var reporting: ReportingOptions

    @Option(
        help: ArgumentHelp(
            "What keeps writers out of the source: maintenance mode alone (none, the default); SHARE locks, for which the role needs UPDATE, DELETE or TRUNCATE on each table (lock); or a database that is read-only until tidemark unfence, with other sessions ended, for which the role must own it (read-only)",
            valueName: "kind"
        ),
        transform: { text in
            guard let fence = Fence(rawValue: text) else {
                throw UsageError(description: "--fence must be none, lock or read-only")
            }
            return fence
        }
    )
    var fence: Fence?

    @Option(
        help: ArgumentHelp(
            "Take for proof that rows did not change: their transaction ids (rows, the default), the servers' counters of rows written (counters; PostgreSQL 15 and newer), or also what is declared immutable (declared; not proven)",
            valueName: "kind"
        )
    )
    var evidence: EvidenceArgument?

    @Option(
        help: ArgumentHelp(
            "Wait this long for open transactions that have written to the source, before the snapshot and again before anything is built; then stop with exit code 3 (default: 20)",
            valueName: "seconds"
        )
    )
    var waitForWriters: Int?

    @Option(
        help: ArgumentHelp(
            "When everything has to be done and proven, local time: say before the fence and after each phase whether that can be reached, and stop where that does no harm if it cannot",
            valueName: "HH:MM"
        ),
        transform: { text in
            guard let time = Deadline(time: text) else {
                throw UsageError(
                    description:
                        "--deadline must be a time within the next 18 hours, such as 02:30 or 02:30:00, or one with a date, such as 2026-11-29T02:30"
                )
            }
            guard time.date > .now else {
                throw UsageError(
                    description:
                        "--deadline \(text) has passed: turn back, or leave the option out to go on without a deadline"
                )
            }
            return time
        }
    )
    var deadline: Deadline?

    @Option(
        help: ArgumentHelp("The same as a duration from now, such as 4h or 90m", valueName: "duration"),
        transform: { text in
            guard let time = Deadline(window: text) else {
                throw UsageError(description: "--window must be a duration such as 4h, 90m or 1h30m")
            }
            return time
        }
    )
    var window: Deadline?

    @Flag(help: "Rehearse the night: everything at one snapshot while the source is in use, timed and proven")
    var rehearse = false

    @Option(
        help: ArgumentHelp("Copy at most this much a second, all jobs together (default: no limit)", valueName: "size"),
        transform: MaxRate.bytes
    )
    var maxRate: Int?

    func run() async throws {
        try await Terminal.run(output, reporting) { terminal in
            var options = try plan.options()
            try build.apply(to: &options)
            if let maxRate { options.maxRate = maxRate }
            proof.apply(to: &options)
            if let fence { options.fence = fence }
            if let waitForWriters {
                guard (0...86_400).contains(waitForWriters) else {
                    throw UsageError(description: "--wait-for-writers must be a number of seconds from 0 to 86400")
                }
                options.patienceWithWriters = .seconds(waitForWriters)
            }
            guard deadline == nil || window == nil else {
                throw UsageError(description: "--deadline and --window exclude each other")
            }
            options.deadline = (deadline ?? window)?.date
            if rehearse, options.deadline != nil {
                throw UsageError(
                    description: "--deadline and --window are for the night, and a rehearsal has no deadline"
                )
            }
            if let evidence { options.evidence = evidence.value }
            // A fence that the file asks for is for the night.
            if rehearse, let fence, fence != .none {
                throw UsageError(
                    description: "--fence \(fence.rawValue) keeps writers out, and a rehearsal leaves the source in use"
                )
            }
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            return try terminal.print(
                try await rehearse ? migration.rehearse() : migration.cutover(),
                json: output.json
            )
        }
    }
}

/// The argument of `--evidence`.
struct EvidenceArgument: ExpressibleByArgument {
    let value: Evidence

    init?(argument: String) {
        guard let value = Evidence(rawValue: argument) else { return nil }
        self.value = value
    }

    static var allValueStrings: [String] { Evidence.allCases.map(\.rawValue) }
}
