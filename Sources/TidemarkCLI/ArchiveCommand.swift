import ArgumentParser
import Postgres
import Report
import Tidemark

struct ArchiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive",
        abstract: "Lists, checks, prints or merges an archive; needs no server.",
        subcommands: [List.self, Check.self, Cat.self, Merge.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the generations: time, rows and size.")

        @OptionGroup var archive: ArchiveOption

        @Flag(help: "Print the list as JSON")
        var json = false

        func run() async throws {
            try await Terminal.run(quiet: true) { terminal in
                let report = try DatabaseArchive(archive.archive).report()
                try terminal.print(json ? try report.json() : report.text)
                return .done
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads every file and checks that it is intact."
        )

        @OptionGroup var archive: ArchiveOption

        func run() async throws {
            try await Terminal.run(quiet: true) { terminal in
                let archive = DatabaseArchive(archive.archive, stop: terminal.stop)
                try await archive.check()
                let report = try archive.report()
                terminal.say(report.text + "\n\nEvery file is intact.")
                return .done
            }
        }
    }

    struct Merge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Merges a base and its deltas into the base of a new archive; the old one stays.",
            discussion: "The next dump into the new archive is a delta to this base."
        )

        @OptionGroup var archive: ArchiveOption
        @OptionGroup var output: OutputOptions

        @Option(help: ArgumentHelp("Write the new archive to this folder", valueName: "folder"))
        var into: String

        @Option(help: ArgumentHelp("Merge up to this generation (default: newest)", valueName: "number"))
        var until: Int?

        func run() async throws {
            try await Terminal.run(quiet: output.quiet) { terminal in
                let archive = DatabaseArchive(archive.archive, stop: terminal.stop, observer: terminal.show)
                return try terminal.print(try await archive.merge(into: into, until: until), json: output.json)
            }
        }
    }

    struct Cat: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes one table as of one generation to standard output, in COPY text format.",
            discussion: "The matching COPY … FROM STDIN is printed to standard error."
        )

        @OptionGroup var archive: ArchiveOption

        @Argument(help: ArgumentHelp("Table to write", valueName: "schema.table"))
        var table: String

        @Option(help: ArgumentHelp("Write the table as of this generation (default: newest)", valueName: "number"))
        var until: Int?

        func run() async throws {
            try await Terminal.run(quiet: true) { terminal in
                let name = try QualifiedName(argument: table)
                var output = StandardOutput()
                let columns = try DatabaseArchive(archive.archive).stream(name, at: until) { try output.append($0) }
                try output.flush()
                let list = columns.map { Identifier($0).quoted }.joined(separator: ", ")
                terminal.complain("COPY \(name.quoted) (\(list)) FROM STDIN")
                return .done
            }
        }
    }
}
