import ArgumentParser
import Report
import Tidemark

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Shows how each table will be treated; writes nothing.",
        discussion: HelpText.of(
            examples: "plan --source URL --target URL",
            "plan --exclude public.audit_log --whole-below 1MB"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @OptionGroup var plan: PlanArguments
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await Terminal.run(quiet: output.quiet) { terminal in
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: plan.options(),
                stop: terminal.stop,
                observer: terminal.show
            )
            let report = try await migration.plan()
            try terminal.print(output.json ? try report.json() : report.text)
            return .done
        }
    }
}
