import ArgumentParser
import Dispatch
import Glibc
import Tidemark

/// The command line, with one subcommand for each thing it does.
@main
struct TidemarkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tidemark",
        abstract: """
            Moves a PostgreSQL database: copies the old rows days ahead, and
            on cutover night mainly what changed since; then proves the result.
            """,
        // Lines stay under 78 columns: the parser would wrap longer ones again.
        discussion: """
            First:        tidemark inspect --source URL --target URL
            Days ahead:   tidemark precopy --source URL --target URL (repeat to catch up)
            Cutover:      tidemark cutover --source URL --target URL
            Prove again:  tidemark verify  --source URL --target URL
            Lost keys:    tidemark rebuild --source URL --target URL --concurrently

            URL is a connection URI or key=value string, as libpq accepts it.
            TIDEMARK_SOURCE and TIDEMARK_TARGET may hold it instead, which keeps
            passwords out of the process list.

            Exit codes: 0 done (cutover, restore and verify: also proven, except
            with restore --ahead or --no-proof), 1 failed (inspect: something would
            stop the migration), 2 source and target differ, 3 something is not
            proven, 4 stopped by a signal (the same command resumes) or by
            --deadline, 64 wrong usage.
            """,
        version: Versions.description,
        subcommands: [
            InspectCommand.self, InitCommand.self, PlanCommand.self, PrecopyCommand.self, CutoverCommand.self,
            VerifyCommand.self, BackCommand.self,
            RebuildCommand.self, DumpCommand.self, RestoreCommand.self, ArchiveCommand.self,
            StatusCommand.self, LogCommand.self, WorkerCommand.self, ThrottleCommand.self,
            UnfenceCommand.self, FinishCommand.self,
        ]
    )

    static func main() {
        // Must run before anything else is opened.
        Output.reserveDescriptors()
        // An empty value would mean the root of the file system, here and in pg_dump.
        if getenv("TMPDIR").map({ $0.pointee == 0 }) == true { unsetenv("TMPDIR") }
        Task { await begin() }
        dispatchMain()
    }

    /// The command that was probably meant; nil if the first word is one, or is an option.
    private static var nearestCommand: String? {
        let names = configuration.subcommands.compactMap { $0.configuration.commandName }
        guard let word = CommandLine.arguments.dropFirst().first, !names.contains(word) else { return nil }
        return NearestName.of(word, among: names)
    }

    private static func begin() async -> Never {
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            exit()
        } catch {
            let code = exitCode(for: error)
            guard code != .success, !(error is ExitCode) else { exit(withError: error) }
            // The parser's message quotes unexpected words, which may be a piece of a connection string.
            let message = CommandLineSecrets(CommandLine.arguments).removed(from: fullMessage(for: error))
            try? Output.errors.write(message + "\n" + (nearestCommand.map { "Did you mean '\($0)'?\n" } ?? ""))
            exit(withError: code)
        }
    }
}
