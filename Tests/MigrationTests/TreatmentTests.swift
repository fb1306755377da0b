import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `A treatment` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, tenant int, v text);
        INSERT INTO t SELECT n, n % 3, repeat(md5(n::text), 4) FROM generate_series(1, 4000) n;
        CREATE INDEX t_tenant ON t (tenant);
        ANALYZE t;
        """
    private static let table = QualifiedName(schema: "public", name: "t")

    private func cutOver(_ pair: DatabasePair, _ change: (inout MigrationOptions) -> Void = { _ in }) async throws {
        let report = try await pair.migration(change).cutover()
        #expect(report.outcome == .done, "\(report.text)")
    }

    /// Returns how many events of a kind were recorded for chunks in the last pass.
    private func chunks(_ pair: DatabasePair, _ kind: String) async throws -> Int {
        Int(
            try await pair.target.value(
                "SELECT count(*) FROM tidemark.event WHERE kind = '\(kind)' AND pass = (SELECT pass FROM tidemark.run)"
            )
        ) ?? -1
    }

    @Test func `append-only reads no row of a chunk with an unchanged number of rows`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.untilMarksTell()
            _ = try await pair.migration { $0.plan.treatments[Self.table] = .appendOnly }.precopy()
            try await pair.source.session { early in
                try await early.run("BEGIN; INSERT INTO t VALUES (-5, 1, 'in flight, in the oldest chunk')")
                try await pair.source.run("INSERT INTO t SELECT n, 1, 'new' FROM generate_series(4001, 4500) n")
                let second = try await pair.migration().precopy()
                #expect(second.transfer.rows == 500)
                try await early.run("COMMIT")
            }
            try await cutOver(pair)
            #expect(try await pair.differingTables() == [])
            #expect(try await chunks(pair, "delta") == 1, "the chunk that had one row more was probed")
            #expect(try await pair.target.value("SELECT count(*) FROM t WHERE id = -5") == "1")
            // Chunk 1 was probed because of the late row; the others were only counted and keep their marks.
            let kept =
                "SELECT count(*) FROM tidemark.chunk WHERE mark->>'snapshot' <> (SELECT cutover_snapshot FROM tidemark.run)"
            #expect(Int(try await pair.target.value(kept)) ?? 0 > 5)
        }
    }

    @Test func `append-only is found by the proof if it was declared wrongly`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration { $0.plan.treatments[Self.table] = .appendOnly }.precopy()
            try await pair.source.run("UPDATE t SET v = 'not only appended' WHERE id = 2000")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .differs)
            #expect(report.verification?.findings.map(\.object) == ["public.t (id) = (2000)"])
        }
    }

    @Test func `append-only follows a deletion, because the number of rows shows it`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration { $0.plan.treatments[Self.table] = .appendOnly }.precopy()
            try await pair.source.run("DELETE FROM t WHERE id IN (5, 3333)")
            try await cutOver(pair)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `immutable below a bound is never read again, but still proven`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let first = try await pair.migration { $0.plan.immutableBelow[Self.table] = "3000" }.precopy()
            #expect(first.outcome == .done)
            #expect(Int(try await pair.target.value("SELECT count(*) FROM tidemark.chunk WHERE is_immutable")) ?? 0 > 3)
            #expect(
                try await pair.target.value(
                    "SELECT max(range->'upper'->>0) FROM tidemark.chunk WHERE is_immutable AND (range->'upper'->>0)::int >= 3000"
                ) == "3000"
            )
            try await pair.source.run(
                "UPDATE t SET v = 'u' WHERE id >= 3000 AND id % 7 = 0; INSERT INTO t VALUES (9000, 1, 'n')"
            )
            let second = try await pair.migration().precopy()
            let mutable = try await pair.target.value("SELECT count(*) FROM tidemark.chunk WHERE NOT is_immutable")
            #expect(String(second.transfer.chunks) == mutable)
            try await cutOver(pair)
            #expect(try await pair.differingTables() == [])
        }
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration { $0.plan.immutableBelow[Self.table] = "3000" }.precopy()
            try await pair.source.run("UPDATE t SET v = 'the period was not closed' WHERE id = 100")
            #expect(try await pair.migration().cutover().outcome == .differs)
        }
    }

    @Test func `immutable below a bound works for a composite key, by its first column`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t (at date, id int, v text, PRIMARY KEY (at, id));
            INSERT INTO t SELECT date '2024-01-01' + n / 20, n, repeat('x', 100) FROM generate_series(1, 4000) n;
            ANALYZE t;
            """
        ) { pair in
            _ = try await pair.migration { $0.plan.immutableBelow[Self.table] = "2024-05-01" }.precopy()
            let bound = "SELECT bool_or(range->'upper'->>0 = '2024-05-01') FROM tidemark.chunk WHERE is_immutable"
            #expect(try await pair.target.value(bound) == "t")
            try await pair.source.run("DELETE FROM t WHERE at >= '2024-05-01' AND id % 3 = 0")
            try await cutOver(pair)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(arguments: Cases.some(1, of: [Treatment.delta, .whole])) func `a filter copies only the rows that pass it`(
        treatment: Treatment
    ) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration {
                $0.plan.treatments[Self.table] = treatment
                $0.plan.filters[Self.table] = "tenant = 1 OR tenant IS NULL"
            }.precopy()
            // Rows start to pass the filter, stop passing it, and change while passing it.
            try await pair.source.run(
                """
                UPDATE t SET tenant = 1 WHERE id IN (3, 6, 9);
                UPDATE t SET tenant = 2 WHERE id IN (4, 7, 10);
                UPDATE t SET v = 'within' WHERE id IN (13, 16);
                INSERT INTO t VALUES (5000, NULL, 'in'), (5001, 2, 'out');
                """
            )
            try await cutOver(pair)
            let wanted = try await pair.source.column(
                "SELECT t::text FROM t WHERE tenant = 1 OR tenant IS NULL ORDER BY id"
            )
            #expect(try await pair.target.column("SELECT t::text FROM t ORDER BY id") == wanted)
            #expect(try await pair.migration().verify().outcome == .done)
            try await pair.target.run("DELETE FROM t WHERE id = 13")
            #expect(try await pair.migration().verify().outcome == .differs)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("tenant IN (SELECT o.id FROM public.t o)", "reads rows other than"),
                ("tenant = (SELECT max(id) FROM public.t)", "reads rows other than"),
                ("EXISTS (SELECT FROM public.t AS o WHERE o.id = t.tenant)", "reads rows other than"),
                ("v <> current_date::text", "not tomorrow"), ("random() < 0.5", "not tomorrow"),
                ("tenant = 1; DROP TABLE t", "is not a condition"), ("tenant", "is not a condition"),
                ("nobody = 1", "nobody"),
            ]
        )
    )
    func `a filter that a row may start to pass without being written is refused`(_ filter: String, _ reason: String)
        async throws
    {
        try await DatabasePair.with(Self.schema) { pair in
            let error = await #expect(throws: PlanError.self) {
                try await pair.migration { $0.plan.filters[Self.table] = filter }.precopy()
            }
            #expect(error?.code == .usage && error?.description.contains(reason) == true, "\(error?.description ?? "")")
            #expect(try await pair.target.value("SELECT to_regclass('public.t') IS NULL") == "t")
            // Nothing remains that would prevent giving the right filter.
            let right = try await pair.migration { $0.plan.filters[Self.table] = "public.t.tenant < 2" }.precopy()
            #expect(right.outcome == .done)
        }
    }

    @Test func `a partitioned table's treatment applies to its partitions`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
            CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (2000); INSERT INTO p SELECT n, n FROM generate_series(1, 1500) n;
            ANALYZE
            """
        ) { pair in
            let change: (inout MigrationOptions) -> Void = {
                $0.plan.treatments[.init(schema: "public", name: "p")] = .whole
            }
            _ = try await pair.migration(change).precopy()
            _ = try await pair.migration(change).precopy()
            let treatment = "SELECT treatment FROM tidemark.relation WHERE table_name = 'p1'"
            #expect(try await pair.target.value(treatment) == "whole")
            #expect(try await pair.migration(change).cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `definition only creates the table with its keys, without its rows`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration { $0.plan.treatments[Self.table] = .definitionOnly }.precopy()
            try await cutOver(pair)
            #expect(try await pair.target.value("SELECT count(*) FROM t") == "0")
            #expect(
                try await pair.target.value(
                    "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid"
                ) == "2"
            )
        }
    }

    @Test func `a bound or a filter for a table that does not exist is refused`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let missing = QualifiedName(schema: "public", name: "T")
            for change in [
                { (options: inout MigrationOptions) in options.plan.filters[missing] = "true" },
                { (options: inout MigrationOptions) in options.plan.immutableBelow[missing] = "1" },
            ] {
                let error = await #expect(throws: PlanError.self) { try await pair.migration(change).precopy() }
                #expect(error?.code == .usage)
            }
        }
    }
}
