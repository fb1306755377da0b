import Catalog
import Postgres
import Report
import Synchronization
import TestSupport
import Testing
import Tidemark

@Suite struct `A cutover stops before it builds anything` {
    private static let shop = """
        CREATE TABLE customer (id int PRIMARY KEY, name text); INSERT INTO customer SELECT n, n FROM generate_series(1, 50) n;
        CREATE TABLE t (id int PRIMARY KEY, customer_id int REFERENCES customer, v text);
        INSERT INTO t SELECT n, 1 + n % 50, n FROM generate_series(1, 500) n
        """

    private static func keys(of pair: DatabasePair) async throws -> String {
        try await pair.target.value(
            "SELECT count(*) FROM pg_catalog.pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f')"
        )
    }

    @Test(arguments: Cases.some(1, of: [0, 64 << 20]))
    func `while a transaction may still commit, and goes on when it has ended`(_ rereadBytes: Int) async throws {
        try await DatabasePair.with(Self.shop) { pair in
            let options: @Sendable (inout MigrationOptions) -> Void = {
                $0.rereadBytes = rereadBytes
                $0.patienceWithWriters = .milliseconds(500)
            }
            _ = try await pair.migration(options).precopy()
            let built = try await Self.keys(of: pair)
            let session = Mutex(
                try Connection(to: pair.source.endpoint, purpose: "app server", interrupter: Interrupter())
            )
            try session.withLock {
                try $0.execute("BEGIN")
                try $0.execute("INSERT INTO public.t VALUES (999, 1, 'late')")
            }
            let stopped = try await pair.migration(options).cutover()
            #expect(stopped.outcome == .notProven, "\(stopped.text)")
            let writer = try #require(stopped.lateWrites?.transactions.first)
            #expect(writer.name.hasPrefix("app server (server process "))
            #expect(writer.role == "postgres" && writer.state == "idle in transaction" && writer.seconds != nil)
            #expect(writer.statement?.contains("VALUES (999, 1, 'late')") == true)
            #expect(stopped.text.contains("has written on the source and may still commit: app server"))
            #expect(!stopped.phases.map(\.name).contains(RunPhase.constraints.rawValue))
            #expect(try await Self.keys(of: pair) == built)

            try session.withLock { _ = try $0.execute("COMMIT") }
            let report = try await pair.migration(options).cutover()
            #expect(report.outcome == .done && report.lateWrites == nil, "\(report.text)")
            #expect(try await pair.target.value("SELECT count(*) FROM t WHERE id = 999") == "1")
        }
    }

    @Test func `for a prepared transaction`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            let options: @Sendable (inout MigrationOptions) -> Void = { $0.patienceWithWriters = .zero }
            _ = try await pair.migration(options).precopy()
            try await pair.source.run("BEGIN; DELETE FROM t WHERE id = 7; PREPARE TRANSACTION 'forgotten \(pair.name)'")
            let stopped = try await pair.migration(options).cutover()
            try await pair.source.run("ROLLBACK PREPARED 'forgotten \(pair.name)'")
            #expect(
                stopped.lateWrites?.transactions.map(\.name) == ["prepared transaction forgotten \(pair.name)"],
                "\(stopped.text)"
            )
            #expect(try await pair.migration(options).cutover().outcome == .done)
        }
    }

    @Test(arguments: Cases.some(1, of: [0, 64 << 20]))
    func `when rows were written after the snapshot`(_ rereadBytes: Int) async throws {
        try await DatabasePair.with(Self.shop) { pair in
            // Counters show it at once since version 15; before, only the rows do.
            let isCounted = try await pair.source.majorVersion() >= 15
            guard rereadBytes > 0 || isCounted else { return }
            _ = try await pair.migration().precopy()
            let migration = pair.migration { $0.rereadBytes = rereadBytes }
            let source = pair.source
            let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phaseBegan(.deltaAndWholeTables) = $0 else { return }
                _ = source.runAtOnce("UPDATE public.t SET v = 'late' WHERE id = 7")
            }
            let stopped = try await disturbed.cutover()
            #expect(stopped.outcome == .notProven && stopped.lateWrites?.tables == ["public.t"], "\(stopped.text)")
            #expect(!stopped.phases.map(\.name).contains(RunPhase.constraints.rawValue))
            let report = try await migration.cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.target.value("SELECT count(*) FROM t WHERE v = 'late'") == "1")
        }
    }

    @Test func `but not for what was rolled back or written elsewhere`() async throws {
        try await DatabasePair.with(Self.shop + "; CREATE TABLE left_out (id int)") { pair in
            let options: @Sendable (inout MigrationOptions) -> Void = {
                $0.rereadBytes = 0
                $0.plan.treatments[QualifiedName(schema: "public", name: "left_out")] = .excluded
            }
            _ = try await pair.migration(options).precopy()
            let migration = pair.migration(options)
            let source = pair.source
            let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phaseBegan(.deltaAndWholeTables) = $0 else { return }
                _ = source.runAtOnce("BEGIN; DELETE FROM public.t; ROLLBACK; INSERT INTO public.left_out VALUES (1)")
            }
            let report = try await disturbed.cutover()
            #expect(report.outcome == .done, "\(report.text)")
        }
    }
}
