import Archive
import FoundationEssentials
import TestSupport
import Testing
import Tidemark

@Suite struct `A number in an archive` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' || n FROM generate_series(1, 40) n;
        CREATE TABLE w (v text); INSERT INTO w VALUES ('a'), ('b'); CREATE SEQUENCE s; CREATE INDEX ON t (v);
        CREATE MATERIALIZED VIEW m AS SELECT 1 AS one; SELECT lo_from_bytea(0, 'content'); ANALYZE
        """
    private static let hostile = [
        "9223372036854775807", "4611686018427387904", "-1", "-9223372036854775808", "1e300", "0.5",
        "99999999999999999999999999",
    ]

    private static func with(_ body: (TestArchive, RewrittenArchive, DatabasePair) async throws -> Void) async throws {
        try await DatabasePair.with(schema) { pair in
            try await TestArchive.with(pair) { test in
                let archive = test.archive { $0.options.plan.wholeBelowBytes = 0 }
                _ = try await archive.dump(from: pair.source.endpoint)
                try await pair.source.run("DELETE FROM t WHERE id = 3; UPDATE t SET v = 'x' WHERE id = 7")
                _ = try await archive.dump(from: pair.source.endpoint)
                try await body(test, RewrittenArchive(path: test.path), pair)
            }
        }
    }

    /// Returns the JSON names that have a number as value.
    private static func names(_ text: String) -> [String] {
        Set(text.matches(of: /"([A-Za-z]+)":-?[0-9]/).map { String($0.output.1) }).sorted()
    }

    private static func replace(_ name: String, in text: String, by number: String, once: Bool) throws -> String {
        let pattern = try Regex("\"\(name)\":-?[0-9]+")
        return text.replacing(pattern, with: "\"\(name)\":\(number)", maxReplacements: once ? 1 : .max)
    }

    /// Checks that the command does not crash, and that an error names the archive.
    private func expectJudged(_ command: Command, _ arguments: [String], _ path: String, _ what: String) async throws {
        let outcome = try await command.run(arguments, killAfter: nil)
        #expect(outcome.code != nil, "\(arguments[0]) \(arguments[1]), \(what): \(outcome.errors.suffix(600))")
        if outcome.code == 1 { #expect(outcome.errors.contains(path), "\(arguments), \(what): \(outcome.errors)") }
    }

    @Test(.onceIn(2)) func `of any size does not crash the command, in any field of a manifest`() async throws {
        try await Self.with { test, rewritten, pair in
            let right = try rewritten.manifest(1)
            let names = Self.names(right)
            #expect(names.count > 15, "\(names)")
            let command = Command()
            for name in names {
                for (index, number) in Self.hostile.enumerated() {
                    let wrong = try Self.replace(name, in: right, by: number, once: index > 1)
                    #expect(wrong != right)
                    try await rewritten.write(wrong, 1)
                    let what = "\(name) \(number)"
                    try await expectJudged(command, ["archive", "list", "--archive", test.path], test.path, what)
                    do {
                        try await test.archive().check()
                    } catch let error as ArchiveError {
                        #expect("\(error)".contains(test.path))
                    }
                }
            }
            try await rewritten.write(right, 1)
            try await test.archive().check()
        }
    }

    @Test func `that is a count is refused before it is used`() async throws {
        try await Self.with { test, rewritten, pair in
            let right = try rewritten.manifest(1)
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let names = ["bytes", "contentBytes", "rows", "frames", "tableBytes", "generation", "serverVersionNumber"]
            for (index, name) in names.enumerated() {
                for number in ["9223372036854775807", "-1"] {
                    try await rewritten.write(try Self.replace(name, in: right, by: number, once: false), 1)
                    let calls = [
                        ["archive", "list", "--archive", test.path], ["archive", "check", "--archive", test.path],
                        ["archive", "merge", "--archive", test.path, "--into", "\(test.path)/merged"],
                        ["archive", "cat", "--archive", test.path, "public.t"], ["restore", "--archive", test.path],
                        ["verify", "--archive", test.path], ["dump", "--archive", test.path],
                    ]
                    for call in index == 0 ? calls : [calls[index % calls.count]] {
                        let outcome = try await command.run(call, killAfter: nil)
                        let what = "\(call.prefix(2)) \(name) \(number): \(outcome.errors)"
                        #expect(outcome.code == 1, "\(what)")
                        #expect(outcome.errors.contains("generation-000001/manifest.json"), "\(what)")
                        #expect(outcome.errors.contains(number), "\(what)")
                    }
                }
            }
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
        }
    }

    @Test func `in the catalog does not crash the command either`() async throws {
        try await Self.with { test, rewritten, pair in
            let generation = try #require(try ArchiveDirectory.open(test.path).generations().last)
            var entry = generation.manifest.catalog
            let file = "\(generation.folder)/\(entry.name)"
            let right = try await Command.program("zstd", ["-dc", file]).output
            let scratch = FileManager.default.temporaryDirectory.path + "/catalog-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: scratch) }
            let command = Command(environment: ["TIDEMARK_TARGET": pair.target.conninfo])
            for name in Self.names(right) {
                for number in ["9223372036854775807", "-9223372036854775808"] {
                    try Data(try Self.replace(name, in: right, by: number, once: false).utf8)
                        .write(to: URL(fileURLWithPath: scratch))
                    entry = try await rewritten.fill(entry, 1, with: "cat \(scratch)")
                    do {
                        try await test.archive().check()
                        // A number that may be valid must not crash the code that uses it.
                        let outcome = try await command.run("restore", "--archive", test.path, "--no-proof", "--quiet")
                        #expect(outcome.code != nil, "\(name) \(number): \(outcome.errors.suffix(600))")
                    } catch let error as ArchiveError {
                        #expect("\(error)".contains(file), "\(error)")
                    }
                }
            }
        }
    }

    @Test func `of columns too small for the key does not crash the command`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (v text, id int PRIMARY KEY); INSERT INTO t VALUES ('a', 1), ('b', 2)"
        ) {
            pair in
            try await TestArchive.with(pair) { test in
                let archive = test.archive { $0.options.plan.wholeBelowBytes = 0 }
                // Otherwise the second dump may read all rows anew, and the first one's are not looked at.
                try await pair.source.untilMarksTell()
                _ = try await archive.dump(from: pair.source.endpoint)
                try await pair.source.run("DELETE FROM t WHERE id = 1")
                _ = try await archive.dump(from: pair.source.endpoint)
                let base = try #require(try ArchiveDirectory.open(test.path).generations().first)
                let entry = try #require(base.manifest.tables.first?.chunks.first?.written.first)
                try await RewrittenArchive(path: test.path).fill(entry, 0, with: #"printf 'a\nb\n'"#)
                let outcome = try await Command().run("archive", "cat", "--archive", test.path, "public.t")
                #expect(outcome.code == 1 && outcome.errors.contains(entry.name), "\(outcome.errors.suffix(600))")
            }
        }
    }
}
