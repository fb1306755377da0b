import Postgres
import Report
import Synchronization
import TestSupport
import Testing
import Tidemark

@Suite struct `Whether a source was quiet` {
    /// Cuts over, with a statement on the source in the middle of the proof; tells whether that went through.
    private static func cutover(
        _ pair: DatabasePair,
        _ fence: Fence,
        _ sql: SQL
    ) async throws -> (report: RunReport, wasWritten: Bool) {
        _ = try await pair.migration().precopy()
        let migration = pair.migration { $0.fence = fence }
        let (source, written) = (pair.source, Flag())
        let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
            guard case .phase("verify definitions") = $0 else { return }
            if source.runAtOnce("SET lock_timeout = '200ms'; \(sql)") { written.raise() }
        }
        return (try await disturbed.cutover(), written.isRaised)
    }

    private static let partitioned = """
        CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (1000);
        INSERT INTO t SELECT n, n FROM generate_series(1, 500) n; SELECT lo_from_bytea(4711, 'abc')
        """

    @Test func `is denied when it was written behind the run's back`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let (report, wasWritten) = try await Self.cutover(pair, .trust, "INSERT INTO public.t VALUES (999, '')")
            #expect(wasWritten)
            #expect(report.outcome == .notProven && report.quiet?.contains("public.t") == true, "\(report.text)")
        }
    }

    @Test func `is seen to by a fence, which keeps writers out`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let (report, wasWritten) = try await Self.cutover(pair, .lock, "INSERT INTO public.t VALUES (999, '')")
            #expect(report.outcome == .done && !wasWritten, "\(report.text)")
        }
    }

    @Test func `keeps new partitions out behind a fence`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let (report, wasWritten) = try await Self.cutover(
                pair,
                .lock,
                "CREATE TABLE public.t2 PARTITION OF public.t FOR VALUES FROM (1000) TO (2000)"
            )
            #expect(report.outcome == .done && !wasWritten, "\(report.text)")
        }
    }

    @Test(arguments: [
        (Fence.lock, "CREATE TABLE public.late (id int)" as SQL, "public.late"),
        (.lock, "SELECT pg_catalog.lo_put(4711, 0, 'x')", "large objects"),
        (.trust, "SELECT pg_catalog.lo_put(4711, 0, 'x')", "pg_largeobject"),
    ])
    func `says so when what no lock on a table covers was written`(
        _ fence: Fence,
        _ sql: SQL,
        _ told: String
    ) async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let (report, wasWritten) = try await Self.cutover(pair, fence, sql)
            #expect(wasWritten)
            #expect(report.outcome == .notProven && report.quiet?.contains(told) == true, "\(report.text)")
        }
    }

    @Test func `does not take counters' word where nothing is counted`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            try await pair.source.run("ALTER DATABASE \(pair.name) SET track_counts = off")
            let (report, wasWritten) = try await Self.cutover(pair, .trust, "INSERT INTO public.t VALUES (999, '')")
            #expect(wasWritten)
            #expect(report.outcome == .notProven && report.quiet?.contains("track_counts") == true, "\(report.text)")
        }
    }

    /// A role without `pg_read_all_stats` is told next to nothing of other roles' sessions.
    @Test func `sees sessions of other roles`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            try await pair.createRole("quiet_reader", "LOGIN")
            try await pair.source.run("GRANT SELECT ON t, t1 TO quiet_reader; SELECT lo_unlink(4711)")
            let other = try Connection(to: pair.source.endpoint, purpose: "the other one", interrupter: Interrupter())
            let conninfo = pair.source.conninfo.replacing("user=postgres", with: "user=quiet_reader")
            let migration = Migration(
                source: try Endpoint(conninfo, side: .source),
                target: pair.target.endpoint,
                options: pair.migration().options
            )
            _ = try await migration.precopy()
            let report = try await migration.cutover()
            #expect(report.quiet?.contains("the other one × 1") == true, "\(report.text)")
            try other.execute("SELECT 1")
        }
    }

    /// Up to PostgreSQL 14 a session that stays connected may keep what it wrote to itself.
    @Test func `does not take counters' word of sessions that stay connected to an old server`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            guard try await pair.source.majorVersion() < 15 else { return }
            let pooled = try Connection(to: pair.source.endpoint, purpose: "pool", interrupter: Interrupter())
            _ = try await pair.migration().precopy()
            let migration = pair.migration()
            let waiting = Mutex(pooled)
            let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phase("verify definitions") = $0 else { return }
                waiting.withLock { pool in
                    _ = try? pool.query("SELECT count(*) FROM public.t")
                    _ = try? pool.execute("INSERT INTO public.t VALUES (998, '')")
                }
            }
            let report = try await disturbed.cutover()
            #expect(report.outcome == .notProven && report.quiet?.contains("stay connected") == true, "\(report.text)")
        }
    }
}
