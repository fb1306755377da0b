import ArgumentParser
import Report
import Tidemark

struct RebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Builds the keys, indexes and constraints that the target lacks or does not enforce.",
        discussion: HelpText.of(
            """
            Compares the target with the source, however the target was filled, and needs no ledger; with \
            --from-ledger it needs no source. With --concurrently the target can be read and written meanwhile. Rows \
            are not compared; use verify for that. If it is killed or stopped, run the same command again to resume.
            """,
            examples: "rebuild --concurrently --dry-run",
            "rebuild --concurrently"
        )
    )

    @OptionGroup var source: SourceOption

    @Flag(help: "Use the source definitions last recorded in the target's ledger; needs no source")
    var fromLedger = false

    @OptionGroup var target: TargetOption
    @OptionGroup var output: OutputOptions
    @OptionGroup var reporting: ReportingOptions

    @Flag(help: "Build without blocking writers (slower)")
    var concurrently = false

    @Flag(help: "Print the SQL instead of running it")
    var dryRun = false

    @Option(help: ArgumentHelp("Leave a table alone (repeatable)", valueName: "schema.table"))
    var exclude: [String] = []

    @Option(help: ArgumentHelp("Repair this many tables at the same time (default: 2)", valueName: "number"))
    var indexJobs: Int?

    @Option(help: ArgumentHelp("Use this much memory for all index builds (default: 512MB)", valueName: "size"))
    var indexMemory: ByteSize?

    func run() async throws {
        try await Terminal.run(output, reporting) { terminal in
            var options = MigrationOptions.ofCommandLine
            for name in exclude { options.plan.treatments[try QualifiedName(argument: name)] = .excluded }
            if let indexJobs { options.indexJobs = try PlanArguments.count(indexJobs, "--index-jobs") }
            if let indexMemory { options.indexMemoryBytes = indexMemory.bytes }
            if fromLedger {
                let ledger = try LedgerAdministration(target: target.endpoint())
                guard dryRun else {
                    let report = try await ledger.rebuild(
                        concurrently: concurrently,
                        options: options,
                        stop: terminal.stop,
                        observer: terminal.show
                    )
                    return try terminal.print(report, json: output.json)
                }
                return try show(
                    try await ledger.rebuildStatements(concurrently: concurrently, options: options),
                    on: terminal
                )
            }
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            guard dryRun else {
                return try terminal.print(try await migration.rebuild(concurrently: concurrently), json: output.json)
            }
            return try show(try await migration.rebuildStatements(concurrently: concurrently), on: terminal)
        }
    }

    private func show(_ plan: (statements: [String], refused: [String]), on terminal: Terminal) throws -> ExitStatus {
        for statement in plan.statements { try terminal.print(script: "\(statement);") }
        for reason in plan.refused { try terminal.print("-- cannot be rebuilt: \(reason)") }
        return .done
    }
}
