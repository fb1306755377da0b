import ArgumentParser
import FoundationEssentials
import Glibc
import Planning
import Postgres
import Report
import Tidemark

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Writes a commented tidemark.yaml for a source and a target; reads both, and changes neither.",
        discussion: HelpText.of(
            """
            Every setting is there with its default, and every table with the treatment it would get. Change what you \
            want to change, and look at the result with: tidemark plan
            """,
            examples: "init --source URL --target URL",
            "init --output shop.yaml"
        )
    )

    @OptionGroup var source: SourceOption
    @OptionGroup var target: TargetOption

    @Option(help: ArgumentHelp("The file to write (default: tidemark.yaml)", valueName: "file"))
    var output = ConfigurationFile.defaultPath

    func run() async throws {
        try await Terminal.run(quiet: false) { terminal in
            let migration = try Migration(
                source: source.endpoint(),
                target: target.endpoint(),
                options: .ofCommandLine,
                stop: terminal.stop,
                observer: terminal.show
            )
            let text = Self.settings + (try await migration.plan().configuration)
            try Self.create(output, text)
            terminal.say("Wrote \(output). To see what it does: tidemark plan --config \(output)")
            return .done
        }
    }

    /// All settings, commented out, with their defaults.
    static var settings: String {
        "# Options of the command line come before TIDEMARK_… variables, and these before this file.\n"
            + "# Its form: docs/tidemark.schema.json\n\n"
            + ConfigurationSetting.all.map { "# \($0.comment)\n#\($0.name): \($0.standard)\n" }.joined(separator: "\n")
            + "\n"
    }

    /// Writes a new file.
    ///
    /// - Throws: ``UsageError`` if the file exists or cannot be written.
    private static func create(_ path: String, _ text: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
        guard descriptor >= 0 else {
            throw UsageError(
                description: errno == EEXIST
                    ? "\(path) exists already, and is not overwritten: give another name with --output"
                    : "cannot write \(path): \(String(cString: strerror(errno)))"
            )
        }
        defer { close(descriptor) }
        var text = text
        let isWritten = text.withUTF8 { bytes in write(descriptor, bytes.baseAddress, bytes.count) == bytes.count }
        guard isWritten else {
            unlink(path)
            throw UsageError(description: "cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }
}
