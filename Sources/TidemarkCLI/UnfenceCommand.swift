import ArgumentParser
import Tidemark

struct UnfenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unfence",
        abstract: "Opens the source again after cutover --fence read-only.",
        discussion: HelpText.of(
            examples: "unfence --source URL"
        )
    )

    @OptionGroup var source: SourceOption

    func run() async throws {
        try await Terminal.run(quiet: true) { terminal in
            let wasClosed = try await SourceFence(source: source.endpoint()).lower()
            terminal.say(
                wasClosed
                    ? "The source is open again: new sessions may write."
                    : "The source was not read-only: nothing was changed."
            )
            return .done
        }
    }
}
