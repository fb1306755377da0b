import ArgumentParser
import Tidemark

struct FinishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finish",
        abstract: "Drops the ledger; the target is then an ordinary database.",
        discussion: HelpText.of(
            """
            Not before you are sure of the new server: without the ledger, tidemark back cannot copy what was written there \
            back to the old one.
            """,
            examples: "finish --target URL",
            "finish --abandon"
        )
    )

    @OptionGroup var target: TargetOption

    @Flag(help: "Drop the ledger even if the run is not done; the run cannot be resumed then")
    var abandon = false

    func run() async throws {
        try await Terminal.run(quiet: true) { terminal in
            try await LedgerAdministration(target: target.endpoint()).finish(abandon: abandon)
            terminal.say(
                "The ledger was dropped. What is written on this database from now on cannot be copied back by "
                    + "tidemark back."
            )
            return .done
        }
    }
}
