import FoundationEssentials
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// An extension's own tables may hold rows of the user, which `pg_dump` includes.
@Suite struct `Rows in an extension's tables` {
    private static let schema = """
        CREATE SCHEMA rows_of_extension; CREATE EXTENSION tidemark_rows SCHEMA rows_of_extension;
        INSERT INTO rows_of_extension.config VALUES (10, 'mine'), (11, 'mine too');
        INSERT INTO rows_of_extension.parts VALUES (1, 10, 'a'), (2, 11, E'b\\tc\\n'), (3, 1, 'of theirs');
        SELECT nextval('rows_of_extension.counter'), nextval('rows_of_extension.counter');
        INSERT INTO rows_of_extension.scratch VALUES (1);
        CREATE TYPE public.mood AS ENUM ('fine');
        CREATE TABLE public.t (id int PRIMARY KEY, m public.mood); INSERT INTO public.t VALUES (1, 'fine')
        """

    private static let contents = """
        SELECT 'config', c::text FROM rows_of_extension.config c UNION ALL SELECT 'parts', p::text FROM rows_of_extension.parts p
        UNION ALL SELECT 'counter', last_value::text FROM rows_of_extension.counter
        """

    /// Whether both sides have the same rows, by the test's own query.
    private static func areEqual(_ one: TestDatabase, _ other: TestDatabase) async throws -> Bool {
        let query = "SELECT q::text FROM (\(contents)) q ORDER BY 1"
        return try await one.column(query) == other.column(query)
    }

    /// Runs a test if scripts/with-postgres has installed the extension on the servers.
    private static func with(_ body: (DatabasePair) async throws -> Void) async throws {
        try await DatabasePair.with { pair in
            let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'tidemark_rows'"
            guard try await pair.source.value(available) == "1", try await pair.target.value(available) == "1" else {
                return
            }
            try await pair.source.run(schema)
            try await body(pair)
        }
    }

    @Test func `are copied during cutover, replace those that CREATE EXTENSION added, and are compared`() async throws {
        try await Self.with { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run(
                "UPDATE rows_of_extension.config SET v = 'changed' WHERE id = 10; DELETE FROM rows_of_extension.parts WHERE id = 2"
            )
            // Rows added by hand are deleted; rows of the extension are kept.
            try await pair.target.run("INSERT INTO rows_of_extension.config VALUES (99, 'by hand')")
            // Its own index is used, so the report lists it.
            let indexed: SQL = "SET enable_seqscan = off; SELECT FROM rows_of_extension.config WHERE id = 10"
            for _ in 1...3 { #expect(pair.source.runAtOnce(indexed)) }
            let cutover = try await pair.migration().cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            // CREATE EXTENSION has created its indexes, so none is missing.
            #expect(!cutover.text.contains("MISSING: index"), "\(cutover.text)")
            #expect(try await Self.areEqual(pair.source, pair.target))
            #expect(try await pair.target.value("SELECT count(*) FROM rows_of_extension.scratch") == "0")
            for change in [
                "UPDATE rows_of_extension.parts SET v = 'other' WHERE id = 1",
                "DELETE FROM rows_of_extension.parts WHERE id = 3",
                "SELECT setval('rows_of_extension.counter', 900)",
            ] {
                try await pair.target.run(change)
                let report = try await pair.migration().verify()
                #expect(report.outcome == .differs, "\(change)")
                #expect(report.verification?.findings.map(\.code).contains("extension-rows.differ") == true)
            }
        }
    }

    @Test func `are moved through an archive`() async throws {
        try await Self.with { pair in
            let folder = FileManager.default.temporaryDirectory.path + "/archive-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let archive = DatabaseArchive(folder)
            #expect(try await archive.dump(from: pair.source.endpoint).outcome == .done)
            try await pair.source.run("INSERT INTO rows_of_extension.parts VALUES (7, 11, 'later')")
            #expect(try await archive.dump(from: pair.source.endpoint).outcome == .done)
            try await archive.check()
            let restored = try await archive.restore(to: pair.target.endpoint)
            #expect(restored.outcome == .done, "\(restored.text)")
            #expect(try await Self.areEqual(pair.source, pair.target))
            try await pair.target.run("DELETE FROM rows_of_extension.parts WHERE id = 7")
            #expect(try await archive.verify(pair.target.endpoint).outcome == .differs)
        }
    }

    @Test func `are reported before anything is written if the role may not read them`() async throws {
        try await Self.with { pair in
            try await pair.createRole("rows_reader", "LOGIN")
            try await pair.source.run(
                "GRANT SELECT ON t TO rows_reader; GRANT USAGE ON SCHEMA rows_of_extension TO rows_reader; GRANT SELECT ON rows_of_extension.counter TO rows_reader"
            )
            let conninfo = pair.source.conninfo.replacing("user=postgres", with: "user=rows_reader")
            let hidden = ["config", "parts"].map { QualifiedName(schema: "rows_of_extension", name: ServerText($0)) }
            func migration(_ excluded: [QualifiedName]) throws -> Migration {
                var options = pair.migration().options
                for name in excluded { options.plan.treatments[name] = .excluded }
                return Migration(
                    source: try Endpoint(conninfo, side: .source),
                    target: pair.target.endpoint,
                    options: options
                )
            }
            let report = try await migration([]).inspect()
            #expect(report.findings.count { $0.code == "extension-rows.unreadable" } == 2, "\(report.text)")
            await #expect(throws: PlanError.self) { try await migration([]).precopy() }
            #expect(try await migration(hidden).precopy().outcome == .done)
            #expect(try await migration(hidden).cutover().outcome == .done)
        }
    }

    /// An extension's condition may be any text.
    @Test func `are not copied if the extension's condition is not a condition`() async throws {
        try await Self.with { pair in
            try await pair.source.run(
                """
                UPDATE pg_extension SET extcondition[1] = 'WHERE true) TO STDOUT; COMMIT; CREATE TABLE public.p(); --'
                WHERE extname = 'tidemark_rows'
                """
            )
            _ = try await pair.migration().precopy()
            let error = await #expect(throws: PostgresError.self) { try await pair.migration().cutover() }
            #expect(error?.description.contains("has an invalid condition") == true, "\(error?.description ?? "")")
            #expect(try await pair.source.value("SELECT count(*) FROM pg_class WHERE relname = 'p'") == "0")
        }
    }
}
