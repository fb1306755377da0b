import ArgumentParser
import Report
import Tidemark

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows the progress of a run from the target's ledger; read-only."
    )

    @OptionGroup var target: TargetOption
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await Terminal.run(quiet: output.quiet) { terminal in
            guard let status = try await LedgerAdministration(target: target.endpoint()).status() else {
                terminal.complain("the target has no ledger: no run has started there")
                return .failed
            }
            try terminal.print(output.json ? try status.json() : status.text)
            return .done
        }
    }
}
