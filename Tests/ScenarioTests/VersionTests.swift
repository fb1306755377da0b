import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `An older target` {
    @Test func `is refused with the reason, and nothing is written`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let (source, target) = (try await pair.source.majorVersion(), try await pair.target.majorVersion())
            // Only scripts/test-versions runs with such a pair.
            guard source > target else { return }
            let error = try #require(await #expect(throws: PlanError.self) { try await pair.migration().precopy() })
            #expect(error.description.contains("newer than the target's"))
            #expect(error.description.contains("only move to the same or a newer major version"))
            #expect(try await pair.target.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'tidemark'") == "0")
        }
    }
}

@Suite struct `A cutover to a newer version` {
    private static let schema = """
        CREATE TABLE parent (id int PRIMARY KEY, v text);
        INSERT INTO parent SELECT n, 'old' FROM generate_series(1, 2000) n;
        CREATE TABLE child (id uuid PRIMARY KEY DEFAULT md5(random()::text)::uuid, parent int NOT NULL REFERENCES parent, n serial);
        INSERT INTO child (parent) SELECT 1 + n % 2000 FROM generate_series(1, 2000) n;
        CREATE PROCEDURE p(a int, INOUT b text DEFAULT 'x') LANGUAGE sql AS 'SELECT b';
        CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := 'acted'; RETURN NEW; END $$;
        CREATE TRIGGER act BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION act();
        ANALYZE;
        """

    @Test func `can be taken back, with what was written on the new version`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let (source, target) = (try await pair.source.majorVersion(), try await pair.target.majorVersion())
            // scripts/test-versions runs it from older to newer versions; from newer ones a cutover is refused.
            guard source <= target else { return }
            _ = try await pair.migration().precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            try await pair.target.run(
                """
                INSERT INTO parent VALUES (5000, 'new'); UPDATE parent SET v = 'changed' WHERE id % 100 = 7;
                INSERT INTO child (parent) VALUES (5000); DELETE FROM child WHERE n % 50 = 3
                """
            )
            let back = Migration(
                source: try Endpoint(pair.target.conninfo, side: .source),
                target: try Endpoint(pair.source.conninfo, side: .target)
            )
            let returned = try await back.back()
            #expect(returned.outcome == .done, "\(returned.text)")
            #expect(try await pair.differingTables() == [])
            #expect(try await pair.source.value("SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'act'") == "O")
        }
    }

    /// PostgreSQL 18 refuses what older servers do.
    @Test func `names the tables on which UPDATE would fail there`() async throws {
        try await DatabasePair.with { pair in
            let (source, target) = (try await pair.source.majorVersion(), try await pair.target.majorVersion())
            guard source < 18, target >= 18 else { return }
            try await pair.source.run(
                """
                CREATE TABLE t (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);
                CREATE TABLE plain (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);
                INSERT INTO t SELECT generate_series(1, 100), 1; INSERT INTO plain SELECT generate_series(1, 100), 1;
                ALTER TABLE t REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR TABLE t, plain;
                CREATE TABLE parted (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED) PARTITION BY RANGE (id);
                CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (1000); INSERT INTO parted VALUES (1);
                ALTER TABLE part REPLICA IDENTITY FULL;
                CREATE PUBLICATION "the root's" FOR TABLE parted WITH (publish_via_partition_root)
                """
            )
            let expected = ["table.refuses-updates public.part", "table.refuses-updates public.t"]
            let ahead = try await pair.migration().inspect()
            #expect(!ahead.isClear && Self.serious(ahead.findings) == expected, "\(ahead.text)")
            let alone = try await SourceInspection(source: pair.source.endpoint).run()
            #expect(alone.isClear && alone.findings.count { $0.code == "table.refuses-updates" } == 2, "\(alone.text)")
            _ = try await pair.migration().precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .differs, "\(report.text)")
            let findings = report.verification?.findings ?? []
            #expect(Self.serious(findings) == expected, "\(report.text)")
            for table in ["t", "part"] {
                await #expect(throws: PostgresError.self) { try await pair.target.run("DELETE FROM \(table)") }
            }
            try await pair.target.run("UPDATE plain SET n = n")
            for repair in findings.compactMap(\.repair) { try await pair.target.run(repair) }
            let proof = try await pair.migration().verify()
            #expect(proof.outcome == .done, "\(proof.text)")
            try await pair.target.run("UPDATE t SET n = 2; DELETE FROM parted")
        }
    }

    private static func serious(_ findings: [Finding]) -> [String] {
        findings.filter { $0.severity != .note }.map { "\($0.code) \($0.object)" }.sorted()
    }
}
