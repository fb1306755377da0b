import FoundationEssentials
import TestSupport
import Testing

@Suite struct `A report in files` {
    private static let names = ["junit.xml", "report.html", "report.json", "report.md"]

    private static func folder() -> String {
        FileManager.default.temporaryDirectory.path + "/report-\(UUID().uuidString)"
    }

    private static func read(_ folder: String, _ name: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }

    /// A validator that is independent of the tool.
    private static func expectValid(_ folder: String) async throws {
        let outcome = try await Command.program(
            "/usr/bin/jsonschema",
            ["--instance", "\(folder)/report.json", "docs/report.schema.json"]
        )
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
    }

    private static func json(_ folder: String) throws -> [String: JSONValue] {
        try JSONDecoder().decode([String: JSONValue].self, from: Data(read(folder, "report.json").utf8))
    }

    @Test func `shows a proven run and one that differs, and escapes names`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t SELECT n, n FROM generate_series(1, 200) n;
            CREATE INDEX "</pre><script>alert(1)</script>" ON t (a)
            """
        ) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let folder = Self.folder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let precopy = try await command.run("precopy", "--report", folder)
            #expect(precopy.code == 0, "\(precopy.errors)")
            #expect(try Self.read(folder, "report.html").contains("<h1>Done</h1>"))
            try await Self.expectValid(folder)
            let cutover = try await command.run("cutover", "--report", folder)
            #expect(cutover.code == 0, "\(cutover.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == Self.names)
            #expect(try Self.json(folder)["outcome"]?.text == "done")
            try await Self.expectValid(folder)
            #expect(try Self.json(folder)["format"]?.number == 1)
            #expect(try Self.read(folder, "report.html").contains("<h1>Proven</h1>"))
            #expect(try Self.read(folder, "junit.xml").contains("failures=\"0\" errors=\"0\""))

            try await pair.target.run("DROP INDEX \"</pre><script>alert(1)</script>\"; DELETE FROM t WHERE id = 5")
            #expect(try await command.run("verify", "--report", folder).code == 2)
            try await Self.expectValid(folder)
            let page = try Self.read(folder, "report.html")
            #expect(page.contains("<h1>Differs: do not open yet</h1>"))
            #expect(page.contains("&lt;/pre&gt;&lt;script&gt;alert(1)") && !page.contains("<script"))
            // If a finding has no source or target, the report does not take them from the run.
            #expect(page.split(separator: "<small>source</small>", omittingEmptySubsequences: false).count == 2)
            #expect(page.split(separator: "<small>target</small>", omittingEmptySubsequences: false).count == 1)
            #expect(!page.contains("http://") && !page.contains("https://"), "it needs no network")
            #expect(try Self.read(folder, "report.md").contains("**STOPS** rows `public.t"))
            let junit = try Self.read(folder, "junit.xml")
            #expect(junit.contains("failures=\"2\"") && !junit.contains("<script"))
        }
    }

    @Test func `is also written when the run fails`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let folder = Self.folder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            // Nothing was copied ahead.
            let failed = try await command.run("cutover", "--report", folder)
            #expect(failed.code == 1)
            #expect(try Self.json(folder)["outcome"]?.text == "failed")
            try await Self.expectValid(folder)
            #expect(try Self.json(folder)["failure"]?.text?.contains("no ledger") == true)
            #expect(try Self.read(folder, "report.html").contains("<h1>Failed</h1>"))
            #expect(try Self.read(folder, "junit.xml").contains("errors=\"1\""))
        }
    }

    @Test func `is refused at once if it could not be written`() async throws {
        let outcome = try await Command().run("verify", "--report", "/proc/nowhere")
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("/proc/nowhere"))
    }
}
