import Planning
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `A target filled by other means` {
    private static let schema = """
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE SEQUENCE numbers;
        CREATE TABLE t (id bigint PRIMARY KEY, a text, n int DEFAULT nextval('numbers'), m mood);
        INSERT INTO t SELECT n, 'a' || n, n, 'good' FROM generate_series(1, 6000) n;
        CREATE TABLE two (id bigint PRIMARY KEY, u int UNIQUE, v text);
        INSERT INTO two SELECT n, n, 'v' || n FROM generate_series(1, 4000) n;
        CREATE TABLE child (id int PRIMARY KEY, t_id bigint REFERENCES t ON DELETE CASCADE);
        INSERT INTO child SELECT n, n FROM generate_series(1, 3000) n;
        CREATE TABLE m (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        INSERT INTO m SELECT n, date '2024-01-01' + n % 30 FROM generate_series(1, 2000) n;
        CREATE TABLE log (line text);
        INSERT INTO log VALUES ('one'), ('two');
        CREATE INDEX t_a ON t (a);
        CREATE VIEW v AS SELECT id FROM t;
        CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN INSERT INTO public.log VALUES (''fired''); RETURN NULL; END';
        CREATE TRIGGER remember AFTER INSERT OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION remember();
        CREATE RULE quiet AS ON DELETE TO log DO INSTEAD NOTHING;
        CREATE POLICY everything ON two USING (true);
        CREATE STATISTICS of_t ON a, n FROM t;
        ANALYZE;
        """
    private static let changes = """
        UPDATE t SET a = 'changed' WHERE id % 1000 = 1;
        ALTER TABLE t DISABLE TRIGGER remember;
        DELETE FROM t WHERE id BETWEEN 3100 AND 3120;
        INSERT INTO t (id, a, m) SELECT n, 'new', 'bad' FROM generate_series(7000, 7100) n;
        ALTER TABLE t ENABLE TRIGGER remember;
        UPDATE two SET u = CASE id WHEN 5 THEN -3900 ELSE -5 END WHERE id IN (5, 3900);
        UPDATE two SET u = -u WHERE u < 0;
        DELETE FROM child WHERE id = 7
        """

    /// Fills the target with `pg_dump`, including keys and triggers.
    private func fill(_ pair: DatabasePair, _ arguments: [String] = []) async throws {
        let outcome = try await Command.pipe(
            ["pg_dump"] + arguments + ["--dbname", pair.source.conninfo],
            into: ["psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", pair.target.conninfo]
        )
        #expect(outcome.code == 0, "\(outcome.errors)")
    }

    private func expectDone(_ pair: DatabasePair) async throws {
        let report = try await pair.migration().cutover()
        #expect(report.outcome == .done, "\(report.text)")
        #expect(try await pair.differingTables() == [])
        let objects = """
            SELECT string_agg(x, ';' ORDER BY x) FROM (
                SELECT pg_get_indexdef(indexrelid) || indisvalid::text FROM pg_index WHERE indrelid >= 16384
                    AND indrelid NOT IN (SELECT oid FROM pg_class WHERE relnamespace <> 'public'::regnamespace)
                UNION ALL SELECT pg_get_constraintdef(oid) || convalidated::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace
                UNION ALL SELECT pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
                UNION ALL SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE rulename = 'quiet'
                UNION ALL SELECT polname FROM pg_policy UNION ALL SELECT stxname FROM pg_statistic_ext) AS o(x)
            """
        let wanted = try await pair.source.value(objects)
        #expect(try await pair.target.value(objects) == wanted)
    }

    @Test func `is compared, updated only where it differs, and has marks from then on`()
        async throws
    {
        try await DatabasePair.with(Self.schema) { pair in
            try await fill(pair)
            try await pair.source.run(Self.changes)
            try await pair.source.untilMarksTell()
            let first = try await pair.migration { $0.targetContents = .rows }.precopy()
            #expect(first.outcome == .done)
            #expect(first.transfer.rows < 6000, "small ranges only: \(first.transfer.rows)")
            #expect(first.transfer.objects == 0, "all keys and indexes were there")
            #expect(first.warnings.contains { $0.contains("1 foreign key") && $0.contains("1 trigger") })
            #expect(try await pair.target.value("SELECT count(*) FROM log WHERE line = 'fired'") == "0")
            let second = try await pair.migration().precopy()
            #expect(second.transfer.reconciledChunks == 0)
            #expect(second.transfer.rows == 0)
            try await expectDone(pair)
        }
    }

    @Test(arguments: Cases.some(1, of: [TargetContents.rows, .schema]))
    func `may lack objects or have different ones, and gets the source's`(contents: TargetContents) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await fill(pair, contents == .schema ? ["--schema-only"] : [])
            try await pair.target.run(
                """
                DROP TABLE child; DROP VIEW v; DROP INDEX t_a; CREATE INDEX t_a ON t (n);
                ALTER TABLE two DROP CONSTRAINT two_u_key; ALTER TABLE two DROP COLUMN v;
                ALTER TABLE t ALTER COLUMN n DROP DEFAULT;
                ALTER TABLE m DETACH PARTITION m_1;
                """
            )
            try await pair.source.run(Self.changes)
            let first = try await pair.migration { $0.targetContents = contents }.precopy()
            #expect(first.outcome == .done, "\(first.text)")
            try await expectDone(pair)
        }
    }

    @Test func `may hold only the rows`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await fill(pair, ["--section=pre-data", "--section=data"])
            try await pair.source.run(Self.changes)
            let first = try await pair.migration { $0.targetContents = .rows }.precopy()
            #expect(first.transfer.objects > 4)
            try await expectDone(pair)
        }
    }

    @Test func `is reported with functions and settings that differ from the source's`() async throws {
        try await DatabasePair.with(
            Self.schema + "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';"
        ) { pair in
            try await fill(pair)
            let change = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
            try await pair.target.run(change)
            try await pair.source.run(
                "ALTER TABLE two ENABLE ROW LEVEL SECURITY; ALTER TABLE two FORCE ROW LEVEL SECURITY"
            )
            _ = try await pair.migration { $0.targetContents = .rows }.precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .differs)
            let named = report.verification?.findings.filter { $0.kind == "definition" }.map(\.object) ?? []
            #expect(named == ["function public.f()", "table public.two"], "\(report.text)")
        }
    }

    @Test func `with publications is refused, and stays unchanged`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await fill(pair)
            try await pair.target.run("CREATE PUBLICATION pub FOR TABLE t")
            let refusal = await #expect(throws: PlanError.self) {
                try await pair.migration { $0.targetContents = .rows }.precopy()
            }
            #expect(refusal?.description.contains("publication pub") == true)
            let error = await #expect(throws: LedgerError.self) { try await pair.migration().precopy() }
            #expect(error?.code == .targetNotEmpty)
        }
    }

    @Test func `may be empty`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            #expect(try await pair.migration { $0.targetContents = .rows }.precopy().outcome == .done)
            try await expectDone(pair)
        }
    }

    @Test func `is unchanged unless adoption is requested and it has nothing the source lacks`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await fill(pair)
            let error = await #expect(throws: LedgerError.self) { try await pair.migration().precopy() }
            #expect(error?.code == .targetNotEmpty)
            try await pair.target.run("ALTER TABLE t ADD COLUMN theirs int")
            let refusal = await #expect(throws: PlanError.self) {
                try await pair.migration { $0.targetContents = .rows }.precopy()
            }
            #expect(refusal?.description.contains("theirs") == true)
            #expect(try await pair.target.value("SELECT count(*) FROM pg_trigger WHERE tgname = 'remember'") == "1")
            try await pair.target.run("ALTER TABLE t DROP COLUMN theirs")
            #expect(try await pair.migration { $0.targetContents = .rows }.precopy().outcome == .done)
            try await expectDone(pair)
        }
    }
}
