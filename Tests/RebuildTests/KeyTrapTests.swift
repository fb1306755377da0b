import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

/// Ways in which a key or an index exists but has changed; in most of them, every count stays equal.
@Suite struct `A key that has changed` {
    private static let schema = """
        CREATE TABLE t (id bigint, a text, b int, c int NOT NULL, CONSTRAINT t_pkey PRIMARY KEY (id, b));
        INSERT INTO t SELECT n, 'a' || n, n, n FROM generate_series(1, 1000) n;
        CREATE INDEX t_a ON t (a);
        CREATE UNIQUE INDEX t_c ON t (c) INCLUDE (b) WHERE c > 0;
        CREATE INDEX t_expression ON t (lower(a) text_pattern_ops DESC, (b + 1));
        ALTER INDEX t_expression ALTER COLUMN 2 SET STATISTICS 300;
        ALTER TABLE t ADD CONSTRAINT t_later UNIQUE (a, b) DEFERRABLE INITIALLY DEFERRED;
        CREATE UNIQUE INDEX t_identity ON t (c, b);
        ALTER TABLE t REPLICA IDENTITY USING INDEX t_identity;
        ALTER TABLE t CLUSTER ON t_a;
        CREATE TABLE m (id int, at date, a text, CONSTRAINT m_pkey PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        CREATE TABLE m_2 PARTITION OF m DEFAULT;
        CREATE INDEX m_a ON m (a);
        INSERT INTO m SELECT n, date '2024-01-01' + n % 60, 'x' FROM generate_series(1, 500) n;
        """

    struct Trap: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// SQL run on the target.
        let plant: String
        /// The objects the verification must name.
        let named: [String]
    }

    static let traps: [Trap] = [
        Trap(
            testDescription: "the index is there, the constraint is not",
            plant:
                "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ALTER id DROP NOT NULL; CREATE UNIQUE INDEX t_pkey ON t (id, b)",
            named: ["public.t.id", "public.t_pkey on public.t"]
        ),
        Trap(
            testDescription: "the partitioned key is in the catalog and enforces nothing",
            plant:
                "ALTER TABLE m DROP CONSTRAINT m_pkey; ALTER TABLE ONLY m ADD CONSTRAINT m_pkey PRIMARY KEY (id, at)",
            named: ["public.m_1_pkey on public.m_1", "public.m_2_pkey on public.m_2", "public.m_pkey on public.m"]
        ),
        Trap(
            testDescription: "invalid",
            plant: "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a'::regclass",
            named: ["public.t_a on public.t"]
        ),
        Trap(
            testDescription: "not ready",
            plant: "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 't_c'::regclass",
            named: ["public.t_c on public.t"]
        ),
        Trap(
            testDescription: "another definition of the same name",
            plant: "DROP INDEX t_a; CREATE INDEX t_a ON t (b)",
            named: ["public.t_a on public.t"]
        ),
        Trap(
            testDescription: "another operator class",
            plant:
                "DROP INDEX t_expression; CREATE INDEX t_expression ON t (lower(a) DESC, (b + 1)); ALTER INDEX t_expression ALTER COLUMN 2 SET STATISTICS 300",
            named: ["public.t_expression on public.t"]
        ),
        Trap(
            testDescription: "without its condition",
            plant: "DROP INDEX t_c; CREATE UNIQUE INDEX t_c ON t (c) INCLUDE (b)",
            named: ["public.t_c on public.t"]
        ),
        Trap(
            testDescription: "no longer unique",
            plant: "DROP INDEX t_c; CREATE INDEX t_c ON t (c) INCLUDE (b) WHERE c > 0",
            named: ["public.t_c on public.t"]
        ),
        Trap(
            testDescription: "no longer deferrable",
            plant: "ALTER TABLE t DROP CONSTRAINT t_later; ALTER TABLE t ADD CONSTRAINT t_later UNIQUE (a, b)",
            named: ["public.t_later on public.t"]
        ),
        Trap(
            testDescription: "columns in another order",
            plant: "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (b, id)",
            named: ["public.t_pkey on public.t"]
        ),
        Trap(
            testDescription: "a partition is not attached",
            plant:
                "DROP INDEX m_a; CREATE INDEX m_a ON ONLY m (a); CREATE INDEX m_1_a_idx ON m_1 (a); CREATE INDEX m_2_a_idx ON m_2 (a); ALTER INDEX m_a ATTACH PARTITION m_1_a_idx",
            named: ["public.m_2_a_idx on public.m_2", "public.m_a on public.m"]
        ),
        Trap(
            testDescription: "on every partition, but not on the parent",
            plant: "DROP INDEX m_a; CREATE INDEX m_1_a_idx ON m_1 (a); CREATE INDEX m_2_a_idx ON m_2 (a)",
            named: ["public.m_1_a_idx on public.m_1", "public.m_2_a_idx on public.m_2", "public.m_a on public.m"]
        ),
        Trap(
            testDescription: "the replica identity is lost",
            plant: "DROP INDEX t_identity; CREATE UNIQUE INDEX t_identity ON t (c, b)",
            named: ["public.t_identity on public.t"]
        ),
        Trap(
            testDescription: "the order of CLUSTER is lost",
            plant: "ALTER TABLE t SET WITHOUT CLUSTER",
            named: ["public.t_a on public.t"]
        ),
        Trap(
            testDescription: "an interrupted REINDEX has left something",
            plant:
                "CREATE INDEX t_a_ccnew ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a_ccnew'::regclass",
            named: ["public.t_a_ccnew on public.t"]
        ),
    ]

    private static let indexes = """
        SELECT format('%s %s %s %s %s %s %s %s %s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indisclustered,
                      i.indisreplident, i.indimmediate, pg_get_constraintdef(c.oid), h.inhparent::regclass,
                      (SELECT string_agg(a.attstattarget::text, ',') FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0))
        FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace
        LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')
        LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid ORDER BY 1
        """

    @Test(arguments: Cases.some(1, of: traps), [false, true])
    func `is named, and rebuilt as on the source`(trap: Trap, concurrently: Bool) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(trap.plant)
            let verification = try await pair.migration().verify()
            #expect(verification.outcome == .differs)
            let named = Set((verification.verification?.findings ?? []).map(\.object))
            #expect(named == Set(trap.named), "\(verification.text)")
            let rebuilt = try await pair.migration().rebuild(concurrently: concurrently)
            #expect(rebuilt.outcome == .done, "\(rebuilt.text)")
            #expect(try await pair.migration().verify().outcome == .done)
            let ours = try await pair.source.column(Self.indexes)
            let theirs = try await pair.target.column(Self.indexes)
            #expect(theirs == ours)
        }
    }

    @Test func `because a table took its name is an error, not a success`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run("DROP INDEX t_a; CREATE TABLE t_a (x int)")
            let error = await #expect(throws: PostgresError.self) {
                try await pair.migration().rebuild(concurrently: true)
            }
            #expect(error?.description.contains("already exists") == true)
        }
    }

    @Test func `because the source has duplicates is reported with them, days ahead`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE d (id int PRIMARY KEY, code text); CREATE UNIQUE INDEX d_code ON d (code)"
        ) { pair in
            try await pair.source.run(
                """
                UPDATE pg_index SET indisready = false WHERE indexrelid = 'd_code'::regclass;
                """,
                "INSERT INTO d SELECT n, 'c' || n % 999 FROM generate_series(1, 1000) n",
                "UPDATE pg_index SET indisready = true WHERE indexrelid = 'd_code'::regclass"
            )
            let error = await #expect(throws: PostgresError.self) { try await pair.migration().precopy() }
            #expect(
                error?.description.contains("rows of public.d have the same key") == true,
                "\(String(describing: error))"
            )
            #expect(error?.description.contains("(c1) 2 times: ") == true)
            #expect(error?.description.contains("its own unique index") == true)
            // Once the source is repaired, the same command succeeds.
            try await pair.source.run(
                "SET enable_indexscan = off; SET enable_bitmapscan = off; DELETE FROM d WHERE id = 1000; REINDEX INDEX d_code"
            )
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.migration().cutover().outcome == .done)
        }
    }

    @Test(arguments: Cases.some(1, of: [1, 3])) func `with any number of jobs exclusion constraints are built once`(
        jobs: Int
    ) async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE x (id int PRIMARY KEY, during int4range, other int4range, EXCLUDE USING gist (during WITH &&),
                            EXCLUDE USING gist (other WITH &&) DEFERRABLE);
            INSERT INTO x SELECT n, int4range(n, n + 1), int4range(n, n + 1) FROM generate_series(1, 300) n;
            """
        ) { pair in
            _ = try await pair.migration { $0.indexJobs = jobs }.precopy()
            #expect(try await pair.migration { $0.indexJobs = jobs }.cutover().outcome == .done)
            #expect(try await pair.target.value("SELECT count(*) FROM pg_constraint WHERE contype = 'x'") == "2")
        }
    }

    @Test func `is built even if sessions have a statement timeout`() async throws {
        // Each row is slow, so that the build takes longer than the timeout.
        try await DatabasePair.with(
            """
            CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.1); RETURN $1; END';
            CREATE TABLE s (id int PRIMARY KEY); INSERT INTO s SELECT generate_series(1, 8);
            CREATE INDEX s_slow ON s (slow(id))
            """
        ) { pair in
            try await pair.target.run(
                "ALTER DATABASE \(pair.name) SET statement_timeout = '300ms'; ALTER DATABASE \(pair.name) SET lock_timeout = '300ms'"
            )
            _ = try await pair.migration { $0.omissions = [.databaseSettings] }.precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
        }
    }
}
