import ArgumentParser
import Report
import Tidemark

struct BackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "back",
        abstract: "Copies what was written since the cutover back to the old database.",
        discussion: HelpText.of(
            """
            Close the application first. --source is the new database, which the cutover filled and which has the ledger; \
            --target is the old one, which must not have been written since. Rows, sequences and large objects come back in one \
            transaction: all of them or none. Keys, triggers and definitions of the old database stay as they are, also if it is \
            an older major version.
            """,
            examples: "back --source NEW --target OLD",
            "back --source NEW --target OLD --report way-back"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption
    @Option(name: .jobs, help: "Tables read at the same time (default: 4)") var jobs: Int?

    @Flag(help: "Copy back no large objects")
    var noLargeObjects = false

    @Flag(help: "Leave the large objects that come back to the old database's role")
    var noOwner = false

    @Flag(help: "Copy back no GRANTs on large objects")
    var noPrivileges = false
    @OptionGroup var output: OutputOptions
    @OptionGroup var reporting: ReportingOptions

    func run() async throws {
        try await Terminal.run(output, reporting) { terminal in
            var options = MigrationOptions()
            if let jobs { options.jobs = try PlanArguments.count(jobs, "--jobs") }
            if noLargeObjects { options.omissions.insert(.largeObjects) }
            if noOwner { options.omissions.insert(.owners) }
            if noPrivileges { options.omissions.insert(.privileges) }
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: options,
                stop: terminal.stop,
                observer: terminal.show
            )
            return try terminal.print(try await migration.back(), json: output.json)
        }
    }
}
