import ArgumentParser
import Tidemark

struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Prints what was done on a target, when, how long it took and how it ended; read-only.",
        discussion: HelpText.of(
            examples: "log --target URL",
            "log --chunks --json"
        )
    )

    @OptionGroup var target: TargetOption

    @Flag(help: "Include every single chunk")
    var chunks = false

    @Flag(help: "Print the entries as JSON")
    var json = false

    func run() async throws {
        try await Terminal.run(quiet: true) { terminal in
            guard let trail = try await LedgerAdministration(target: target.endpoint()).trail(withChunks: chunks) else {
                terminal.complain("the target has no ledger: no run has started there")
                return .failed
            }
            try terminal.print(json ? try trail.json() : trail.text)
            return .done
        }
    }
}
