import Foundation
import Postgres
import Report
import Synchronization
import TestSupport
import Testing
import Tidemark

@Suite struct `A read-only fence` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, n FROM generate_series(1, 500) n
        """

    private static func migration(_ pair: DatabasePair) -> Migration {
        pair.migration { $0.fence = .readOnly }
    }

    private static func setting(on database: TestDatabase) async throws -> String {
        try await database.value(
            """
            SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
            WHERE d.datname = current_database() AND array_to_string(s.setconfig, ',') LIKE '%read_only%'
            """
        )
    }

    @Test func `ends other sessions, keeps the source closed after the cutover, and is not copied`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            let forgotten = Mutex(
                try Connection(to: pair.source.endpoint, purpose: "forgotten", interrupter: Interrupter())
            )
            try forgotten.withLock {
                try $0.execute("BEGIN")
                try $0.execute("INSERT INTO public.t VALUES (999, 'late')")
            }
            let report = try await Self.migration(pair).cutover()
            #expect(report.outcome == .done && report.isSourceFenced == true, "\(report.text)")
            #expect(forgotten.withLock { (try? $0.execute("COMMIT")) == nil })
            #expect(try await pair.source.value("SELECT count(*) FROM t WHERE id = 999") == "0")
            #expect(try await Self.setting(on: pair.source) == "1")
            #expect(try await Self.setting(on: pair.target) == "0")
            #expect(pair.target.runAtOnce("INSERT INTO public.t VALUES (998, '')"))

            let fence = SourceFence(source: pair.source.endpoint)
            #expect(try await fence.lower())
            #expect(try await !fence.lower())
            #expect(try await Self.setting(on: pair.source) == "0")
        }
    }

    /// Runs a statement as an application would: our own sessions pin the setting.
    private static func psql(_ database: TestDatabase, _ sql: String) async throws -> Command.Outcome {
        let bin = try #require(ProcessInfo.processInfo.environment["TIDEMARK_TEST_PG_BIN"])
        return try await Command.program("\(bin)/psql", ["-X", "-c", sql, database.conninfo])
    }

    @Test func `makes the sessions of an application read-only`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await Self.migration(pair).cutover().outcome == .done)
            let psql = try await Self.psql(pair.source, "INSERT INTO t VALUES (998, '')")
            #expect(psql.code != 0 && psql.errors.contains("read-only"), "\(psql.errors)")
            // A second cutover finds the fence and leaves it.
            #expect(try await Self.migration(pair).cutover().outcome == .done)
            #expect(try await SourceFence(source: pair.source.endpoint).lower())
            let again = try await Self.psql(pair.source, "INSERT INTO t VALUES (998, '')")
            #expect(again.code == 0, "\(again.errors)")
        }
    }

    @Test func `needs the owner of the database, and says what to use instead`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.createRole("fence_reader", "LOGIN")
            try await pair.source.run("GRANT SELECT ON t TO fence_reader")
            let conninfo = pair.source.conninfo.replacing("user=postgres", with: "user=fence_reader")
            let source = try Endpoint(conninfo, side: .source)
            let options = Self.migration(pair).options
            let migration = Migration(source: source, target: pair.target.endpoint, options: options)
            _ = try await migration.precopy()
            let error = await #expect(throws: PostgresError.self) { try await migration.cutover() }
            #expect(error?.description.contains("does not own it") == true, "\(String(describing: error))")
            #expect(error?.description.contains("--fence lock") == true)
            #expect(try await Self.setting(on: pair.source) == "0")
            let open = Migration(source: source, target: pair.target.endpoint, options: pair.migration().options)
            #expect(try await open.cutover().outcome == .done)
        }
    }

    @Test func `stays when the cutover stops, and the report says so`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("BEGIN; DELETE FROM t WHERE id = 7; PREPARE TRANSACTION 'forgotten \(pair.name)'")
            let migration = pair.migration {
                $0.fence = .readOnly
                $0.patienceWithWriters = .zero
            }
            let report = try await migration.cutover()
            try await pair.source.run("ROLLBACK PREPARED 'forgotten \(pair.name)'")
            #expect(report.outcome == .notProven && report.text.contains("tidemark unfence"), "\(report.text)")
            #expect(try await Self.setting(on: pair.source) == "1")
            // A cutover that raises no fence says that one is there.
            let again = try await pair.migration().cutover()
            #expect(again.outcome == .done && again.isSourceFenced == true, "\(again.text)")
            #expect(try await Self.setting(on: pair.source) == "1")
            #expect(try await SourceFence(source: pair.source.endpoint).lower())
        }
    }
}
