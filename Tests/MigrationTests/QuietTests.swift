import Planning
import Postgres
import Report
import Synchronization
import TestSupport
import Testing
import Tidemark

@Suite struct `A quiet source` {
    /// Cuts over, with a statement on the source in the middle of the proof; returns whether that succeeded.
    private static func cutover(
        _ pair: DatabasePair,
        _ fence: Fence,
        _ sql: SQL,
        rereadBytes: Int = 0
    ) async throws -> (report: RunReport, wasWritten: Bool) {
        _ = try await pair.migration().precopy()
        let migration = pair.migration {
            $0.fence = fence
            $0.rereadBytes = rereadBytes
        }
        let (source, written) = (pair.source, Flag())
        let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
            guard case .phaseBegan(.verifyDefinitions) = $0 else { return }
            if source.runAtOnce("SET lock_timeout = '200ms'; \(sql)") { written.raise() }
        }
        return (try await disturbed.cutover(), written.isRaised)
    }

    private static let partitioned = """
        CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (1000);
        INSERT INTO t SELECT n, n FROM generate_series(1, 500) n; SELECT lo_from_bytea(4711, 'abc')
        """

    @Test(
        arguments: [
            "INSERT INTO public.t VALUES (999, '')", "UPDATE public.t SET v = v WHERE id = 7",
            "DELETE FROM public.t WHERE id = 7", "BEGIN; SAVEPOINT a; INSERT INTO public.t VALUES (999, ''); COMMIT",
            "UPDATE public.t SET v = '' WHERE id = 7; UPDATE public.t SET v = 7 WHERE id = 7",
        ] as [SQL]
    )
    func `is denied when something wrote to it during the run`(_ write: SQL) async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let (report, wasWritten) = try await Self.cutover(pair, .none, write, rereadBytes: 64 << 20)
            #expect(wasWritten)
            #expect(report.outcome == .notProven && report.quiet?.contains("public.t") == true, "\(report.text)")
        }
    }

    @Test func `is denied when counters show a write during the run`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let write: SQL = "INSERT INTO public.t VALUES (999, '')"
            let (report, wasWritten) = try await Self.cutover(pair, .none, write)
            #expect(wasWritten)
            #expect(report.outcome == .notProven && report.quiet?.contains("public.t") == true, "\(report.text)")
        }
    }

    @Test func `is ensured by a fence, which keeps writers out`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let (report, wasWritten) = try await Self.cutover(pair, .lock, "INSERT INTO public.t VALUES (999, '')")
            #expect(report.outcome == .done && !wasWritten, "\(report.text)")
        }
    }

    @Test func `gets no new partitions behind a fence`() async throws {
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
        (.none, "SELECT pg_catalog.lo_put(4711, 0, 'x')", "pg_largeobject"),
    ])
    func `is denied when a write was not covered by table locks`(
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

    @Test func `is not assumed from counters if nothing is counted`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            try await pair.source.run("ALTER DATABASE \(pair.name) SET track_counts = off")
            let (report, wasWritten) = try await Self.cutover(pair, .none, "INSERT INTO public.t VALUES (999, '')")
            #expect(wasWritten)
            #expect(report.outcome == .notProven && report.quiet?.contains("track_counts") == true, "\(report.text)")
        }
    }

    /// A role without `pg_read_all_stats` sees almost nothing of other roles' sessions.
    @Test func `is reported with the sessions of other roles`() async throws {
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

    /// Up to PostgreSQL 14, a session that stays connected may not have reported its writes.
    @Test func `is not assumed from counters if sessions stay connected to an old server`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            guard try await pair.source.majorVersion() < 15 else { return }
            let pooled = try Connection(to: pair.source.endpoint, purpose: "pool", interrupter: Interrupter())
            _ = try await pair.migration().precopy()
            let migration = pair.migration()
            let waiting = Mutex(pooled)
            let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phaseBegan(.verifyDefinitions) = $0 else { return }
                waiting.withLock { pool in
                    _ = try? pool.query("SELECT count(*) FROM public.t")
                    _ = try? pool.execute("INSERT INTO public.t VALUES (998, '')")
                }
            }
            let report = try await disturbed.cutover()
            #expect(report.outcome == .notProven && report.quiet?.contains("stay connected") == true, "\(report.text)")
        }
    }

    /// Cuts over while an open session runs statements in the middle of the proof.
    private static func cutover(
        _ pair: DatabasePair,
        _ fence: Fence,
        before: SQL? = nil,
        _ steps: [SQL],
        rereadBytes: Int = 0
    ) async throws -> RunReport {
        _ = try await pair.migration().precopy()
        let session = Mutex(try Connection(to: pair.source.endpoint, purpose: "app server", interrupter: Interrupter()))
        if let before { try session.withLock { _ = try $0.execute(before) } }
        let migration = pair.migration {
            $0.fence = fence
            $0.rereadBytes = rereadBytes
        }
        let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
            guard case .phaseBegan(.verifyDefinitions) = $0 else { return }
            session.withLock { session in for step in steps { _ = try? session.execute(step) } }
        }
        return try await disturbed.cutover()
    }

    /// A session reports its counters when it is idle outside a transaction; without autocommit, it is always in one.
    @Test(
        arguments: Cases.some(
            1,
            of: [
                (Fence.none, nil, ["BEGIN", "INSERT INTO public.t VALUES (997, '')", "COMMIT", "BEGIN", "SELECT 1"]),
                (.none, nil, ["SET track_counts = off", "INSERT INTO public.t VALUES (995, '')"]),
                (.lock, nil, ["BEGIN", "SELECT pg_catalog.lo_put(4711, 0, 'y')", "COMMIT", "BEGIN", "SELECT 1"]),
            ]
        ) as [(Fence, SQL?, [SQL])]
    )
    func `is denied for a session that may hold back its counters, and the session is named`(
        _ session: (fence: Fence, before: SQL?, steps: [SQL])
    ) async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let report = try await Self.cutover(
                pair,
                session.fence,
                before: session.before,
                session.steps
            )
            #expect(report.outcome == .notProven && report.quiet?.contains("app server") == true, "\(report.text)")
        }
    }

    private static let company = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, n FROM generate_series(1, 500) n;
        CREATE TABLE sessions (id int PRIMARY KEY); CREATE SEQUENCE s;
        CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM t; CREATE UNIQUE INDEX m_n ON m (n)
        """

    /// Statements of other sessions, before the cutover or in the middle of its proof, left open until it ends.
    @Test(
        arguments: Cases.some(
            1,
            of: [
                ("BEGIN; LOCK TABLE public.t IN EXCLUSIVE MODE", [], 0),
                ("BEGIN; UPDATE public.t SET v = '' WHERE false", [], 1),
                ("BEGIN; SELECT pg_catalog.nextval('public.s')", [], 0),
                ("BEGIN; SELECT FROM public.t FOR UPDATE", [], 1),
                ("BEGIN; CREATE TEMPORARY TABLE first (a int); INSERT INTO first VALUES (1)", [], 0),
                ("CREATE TEMPORARY TABLE kept (a int)", ["BEGIN", "INSERT INTO kept VALUES (1)"], 1),
                ("CREATE TEMPORARY TABLE kept (a int)", ["BEGIN", "CREATE TEMPORARY TABLE other AS SELECT 1 AS a"], 1),
                ("BEGIN; REFRESH MATERIALIZED VIEW CONCURRENTLY public.m", [], 0),
                (nil, ["REFRESH MATERIALIZED VIEW public.m"], 1),
                (nil, ["BEGIN", "UPDATE public.t SET v = 'undone'", "ROLLBACK"], 0),
                (nil, ["BEGIN", "SAVEPOINT a", "DELETE FROM public.t", "ROLLBACK TO SAVEPOINT a"], 1),
                (nil, ["BEGIN", "DELETE FROM public.t", "ROLLBACK", "INSERT INTO public.sessions VALUES (1)"], 0),
                (nil, ["VACUUM (FREEZE) public.t", "ANALYZE public.t"], 1),
                (nil, ["BEGIN", "INSERT INTO public.sessions VALUES (1)"], 1),
            ] as [(SQL?, [SQL], Int)]
        )
    )
    func `is not denied for other sessions that change nothing`(
        _ company: (before: SQL?, steps: [SQL], rereadMegabytes: Int)
    ) async throws {
        try await DatabasePair.with(Self.company) { pair in
            try await pair.createRole("company", "LOGIN")
            try await pair.source.run(
                """
                ALTER TABLE t OWNER TO company; ALTER TABLE sessions OWNER TO company; ALTER SEQUENCE s OWNER TO company;
                ALTER MATERIALIZED VIEW m OWNER TO company
                """
            )
            let options: @Sendable (inout MigrationOptions) -> Void = {
                $0.plan.treatments[QualifiedName(schema: "public", name: "sessions")] = .definitionOnly
                $0.rereadBytes = company.rereadMegabytes << 20
            }
            _ = try await pair.migration(options).precopy()
            let conninfo = pair.source.conninfo.replacing("user=postgres", with: "user=company")
            let endpoint = try Endpoint(conninfo, side: .source)
            let session = Mutex(try Connection(to: endpoint, purpose: "app", interrupter: Interrupter()))
            if let before = company.before { try session.withLock { _ = try $0.execute(before) } }
            let migration = pair.migration(options)
            let steps = company.steps
            let failed = Flag()
            let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phaseBegan(.verifyDefinitions) = $0 else { return }
                session.withLock { session in
                    for step in steps where (try? session.execute(step)) == nil { failed.raise() }
                }
            }
            let report = try await disturbed.cutover()
            #expect(report.outcome == .done && !failed.isRaised, "\(report.text)")
            try session.withLock { _ = try $0.execute("ROLLBACK") }
        }
    }

    /// The build waits for every older snapshot, as long as that takes.
    @Test(.onceIn(2)) func `is not denied for a concurrent index build that began earlier`() async throws {
        try await DatabasePair.with(Self.company) { pair in
            _ = try await pair.migration().precopy()
            let old = try Connection(to: pair.source.endpoint, purpose: "old snapshot", interrupter: Interrupter())
            try old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.t")
            let endpoint = pair.source.endpoint
            // On a thread of its own: of those for tasks there are only as many as cores.
            let build = Task {
                try await ThreadConfined.with(endpoint, purpose: "index build") { session in
                    _ = try? await session.run { try $0.execute("CREATE INDEX CONCURRENTLY late ON public.t (v)") }
                }
            }
            let isThere: SQL =
                "DO $$ BEGIN ASSERT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('public.late') AND indisready); END $$"
            while !pair.source.runAtOnce(isThere) { try await Task.sleep(for: .milliseconds(50)) }
            let report = try await pair.migration { $0.rereadBytes = 0 }.cutover()
            #expect(report.outcome == .done, "\(report.text)")
            try await pair.source.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONC%'"
            )
            try await build.value
            try old.execute("COMMIT")
        }
    }

    /// An uncommitted change is reported with the name of the session that may still commit it.
    @Test(
        arguments: Cases.some(
            1,
            of: [
                "BEGIN; INSERT INTO public.t VALUES (990, '')", "BEGIN; CREATE TABLE public.late AS SELECT 1 AS a",
                "BEGIN; DELETE FROM public.t WHERE id = 1",
                "BEGIN; UPDATE public.t SET v = 'a' WHERE id = 1; SAVEPOINT a",
                "BEGIN; CREATE INDEX late ON public.t (v)",
                "BEGIN; INSERT INTO public.t VALUES (990, ''); PREPARE TRANSACTION 'app still'",
            ] as [SQL]
        )
    )
    func `is denied for a transaction that may still commit`(_ open: SQL) async throws {
        try await DatabasePair.with(Self.company) { pair in
            let report = try await Self.cutover(pair, .none, [open], rereadBytes: 64 << 20)
            #expect(report.outcome == .notProven, "\(report.text)")
            #expect(report.quiet?.contains("app s") == true, "\(report.text)")
            _ = pair.source.runAtOnce("ROLLBACK PREPARED 'app still'")
        }
    }

    /// VACUUM locks indexes like writers do, but commits no row.
    @Test func `is not denied for a table that is being vacuumed`() async throws {
        let schema =
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('v', 2000) FROM generate_series(1, 2000) n"
        try await DatabasePair.with(schema) { pair in
            _ = try await pair.migration().precopy()
            let endpoint = pair.source.endpoint
            let vacuum = Task {
                try await ThreadConfined.with(endpoint, purpose: "vacuum") { session in
                    try await session.run { session in
                        // About 0.4 s for each of 500 pages: longer than the slowest cutover.
                        try session.execute(
                            """
                            SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1; SET vacuum_cost_page_hit = 10000;
                            SET vacuum_cost_page_miss = 10000
                            """
                        )
                        // It is ended below.
                        _ = try? session.execute("VACUUM (DISABLE_PAGE_SKIPPING) public.t")
                    }
                }
            }
            let isLocked: SQL = """
                DO $$ BEGIN ASSERT EXISTS (SELECT FROM pg_locks WHERE relation = 'public.t_pkey'::regclass
                                           AND mode = 'RowExclusiveLock'); END $$
                """
            while !pair.source.runAtOnce(isLocked) { try await Task.sleep(for: .milliseconds(50)) }
            let migration = pair.migration()
            let locked = Flag()
            let watched = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phaseBegan(.verifyDefinitions) = $0 else { return }
                if pair.source.runAtOnce(isLocked) { locked.raise() }
            }
            let report = try await watched.cutover()
            #expect(locked.isRaised)
            #expect(report.quiet?.contains("may still commit") == false, "\(report.text)")
            try await pair.source.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'VACUUM (DISABLE%'"
            )
            try await vacuum.value
        }
    }

    /// A session that has been idle for long has reported all its counters.
    @Test func `is confirmed despite a session that has been idle`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            let resting = try Connection(to: pair.source.endpoint, purpose: "resting", interrupter: Interrupter())
            try resting.execute("INSERT INTO public.t VALUES (994, '')")
            _ = try await pair.migration().precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done && report.quiet?.contains("resting") == true, "\(report.text)")
            try resting.execute("SELECT 1")
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                "CREATE INDEX late ON public.k (a)",
                "ALTER TABLE public.k ADD CONSTRAINT late FOREIGN KEY (a) REFERENCES public.k",
                "CREATE FUNCTION public.late() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "CREATE OR REPLACE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
                "CREATE VIEW public.late AS SELECT 1 AS a",
                "CREATE TRIGGER late BEFORE INSERT ON public.k FOR EACH ROW EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()",
                "GRANT SELECT ON public.k TO PUBLIC", "COMMENT ON TABLE public.k IS 'late'",
                "ALTER TYPE public.e ADD VALUE 'late'",
                "CREATE SEQUENCE public.late", "CREATE TABLE public.late (id int)",
                "SELECT pg_catalog.setval('public.s', 4711)",
                "ALTER TABLE public.k ALTER a SET DEFAULT 5",
            ] as [SQL]
        )
    )
    func `is denied when a definition changed during the run`(_ change: SQL) async throws {
        let schema = """
            CREATE TABLE k (id int PRIMARY KEY, a int); CREATE TYPE e AS ENUM ('x'); CREATE SEQUENCE s;
            CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
            """
        try await DatabasePair.with(schema) { pair in
            let (report, wasWritten) = try await Self.cutover(pair, .none, change)
            // A change that waits for the run's locks has not happened.
            guard wasWritten else { return #expect(report.outcome == .done, "\(report.text)") }
            // A sequence ignores snapshots: it may already be behind when it is compared.
            #expect(report.outcome == .notProven || report.outcome == .differs, "\(report.text)")
            #expect(
                report.verification?.notProven.contains { $0.contains("after the snapshot") } == true,
                "\(report.text)"
            )
        }
    }
}
