import ArgumentParser
import Tidemark

struct FinishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finish",
        abstract: "Drops the ledger; the target is an ordinary database afterwards."
    )

    @OptionGroup var target: TargetOption

    @Flag(help: "Drop it although the run is not done: it cannot be continued then.")
    var abandon = false

    func run() async throws {
        try await Terminal.run(quiet: true) { terminal in
            try await LedgerAdministration(target: target.endpoint()).finish(abandon: abandon)
            terminal.tell("The ledger is dropped.")
            return .done
        }
    }
}
