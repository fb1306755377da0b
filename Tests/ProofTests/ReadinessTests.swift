import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `Readiness` {
    private static let shop = """
        CREATE TABLE customer (id serial PRIMARY KEY, email text UNIQUE, born date CHECK (born < '2024-01-01'));
        INSERT INTO customer (email) SELECT n || '@example' FROM generate_series(1, 500) n;
        CREATE TABLE label (name text PRIMARY KEY); INSERT INTO label VALUES ('a'), ('b');
        CREATE TABLE part (id bigint GENERATED ALWAYS AS IDENTITY, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE part_one PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        INSERT INTO part (at) SELECT '2024-05-05' FROM generate_series(1, 50);
        CREATE TABLE logged (id serial PRIMARY KEY); INSERT INTO logged DEFAULT VALUES;
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'code of the application ran'; END $$;
        CREATE TRIGGER note BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TABLE split (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k); CREATE TABLE split_one PARTITION OF split FOR VALUES IN (1);
        INSERT INTO split VALUES (1, 1); CREATE TRIGGER note BEFORE INSERT ON split_one FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TABLE empty (id int PRIMARY KEY); CREATE INDEX customer_born ON customer (born)
        """

    /// Migrates the database and returns the result of its proof.
    private static func proven(_ pair: DatabasePair) async throws -> VerificationResult {
        #expect(try await pair.migration().precopy().outcome == .done)
        let report = try await pair.migration().cutover()
        #expect(report.outcome == .done, "\(report.text)")
        return try #require(report.verification)
    }

    private static func findings(_ pair: DatabasePair) async throws -> [Finding] {
        try await pair.migration { $0.triesInserts = true }.verify().verification?.findings ?? []
    }

    @Test func `finds no obstacle on a proven target, and advances no sequence`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            // A session reports its counters when it ends.
            try await pair.source.run("SET enable_seqscan = off; SELECT * FROM customer WHERE id = 5")
            if try await pair.source.majorVersion() < 15 { try await Task.sleep(for: .seconds(1)) }
            let result = try await Self.proven(pair)
            #expect(result.findings == [])
            let tried = try #require(result.examined.first { $0.kind == "INSERT tried" })
            // Tables with a trigger (also on a partition) and the empty table are not tried.
            #expect(tried.source == 6 && tried.target == 3)
            #expect(try await pair.target.column("SELECT last_value FROM customer_id_seq") == ["500"])
            #expect(try await pair.target.value("SELECT count(*) FROM customer") == "500")
            #expect(!result.mostUsedIndexes.contains { !$0.isOnTarget })
        }
    }

    @Test func `names the next INSERT that would fail`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            _ = try await Self.proven(pair)
            // Both sequences have the same position, so that only the rows show the problem.
            for side in [pair.source, pair.target] { try await side.run("SELECT setval('customer_id_seq', 20)") }
            try await pair.target.run("SELECT setval('part_id_seq', 7)")
            let findings = try await Self.findings(pair)
            #expect(
                findings.contains {
                    $0.code == "insert.key-taken" && $0.object == "public.customer" && $0.severity == .stops
                }
            )
            #expect(findings.contains { $0.code == "insert.key-taken" && $0.object == "public.part" })
            let repair = try #require(findings.first { $0.object == "public.customer" }?.repair)
            try await pair.target.run(repair)
            let repaired = try await Self.findings(pair)
            #expect(!repaired.contains { $0.object == "public.customer" })
        }
    }

    @Test func `tries the key of a table that uses no sequence`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            _ = try await Self.proven(pair)
            // A valid index without its entries, as bad memory and old bugs may leave it.
            try await pair.target.run(
                """
                UPDATE pg_index SET indisready = false WHERE indexrelid = 'label_pkey'::regclass;
                """,
                "TRUNCATE label",
                "INSERT INTO label VALUES ('a'), ('b')",
                "UPDATE pg_index SET indisready = true WHERE indexrelid = 'label_pkey'::regclass"
            )
            let findings = try await Self.findings(pair)
            #expect(findings.contains { $0.code == "insert.duplicate-accepted" && $0.object == "public.label" })
        }
    }

    @Test func `names an INSERT that a default's function breaks`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            _ = try await Self.proven(pair)
            try await pair.target.run(
                """
                CREATE FUNCTION broken(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN nowhere(); END $$;
                ALTER TABLE label ADD CONSTRAINT broken CHECK (broken(name)) NOT VALID
                """
            )
            let findings = try await Self.findings(pair)
            #expect(findings.contains { $0.code == "insert.fails" && $0.object == "public.label" })
        }
    }

    @Test func `names missing statistics, settings left behind, and roles that cannot connect`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            let role = "app_of_\(pair.name)"
            try await pair.createRole(role, "LOGIN")
            let member = "member_of_\(pair.name)"
            try await pair.createRole(member, "LOGIN IN ROLE \(role)")
            try await pair.source.run("GRANT SELECT ON customer TO \(role)")
            _ = try await Self.proven(pair)
            try await pair.target.run(
                "DELETE FROM pg_statistic WHERE starelid = 'customer'::regclass",
                "ALTER DATABASE \(pair.name) SET session_replication_role = replica",
                "ALTER DATABASE \(pair.name) SET synchronous_commit = off",
                "ALTER ROLE \(role) VALID UNTIL '2020-01-01'; ALTER ROLE \(member) NOLOGIN",
                "UPDATE pg_class SET relpages = 5000, relallvisible = 0 WHERE oid = 'label'::regclass"
            )
            let findings = try await Self.findings(pair)
            let codes = Set(findings.map { "\($0.code) \($0.object)" })
            #expect(codes.contains("statistics.missing public.customer"), "\(codes)")
            #expect(codes.contains("server-setting.left-behind session_replication_role"))
            #expect(codes.contains("server-setting.left-behind synchronous_commit"))
            #expect(codes.contains("role.cannot-connect \(role)"))
            #expect(codes.contains("role.cannot-connect \(member)"))
            let repairs = findings.filter { $0.code == "role.cannot-connect" }.compactMap(\.repair)
            #expect(
                repairs.contains { $0.hasSuffix("VALID UNTIL 'infinity'") }
                    && repairs.contains { $0.hasSuffix("LOGIN") }
            )
            #expect(codes.contains("table.not-vacuumed public.label"))
            #expect(findings.first { $0.code == "table.not-vacuumed" }?.severity == .note)
            let silent = try await pair.migration { $0.omissions = [.owners, .privileges] }.verify()
            #expect(silent.verification?.findings.contains { $0.kind == "role" } == false)
        }
    }

    /// The server keeps saying that a table is empty until VACUUM or ANALYZE looks again.
    @Test func `looks for rows in tables that were empty when they were analyzed`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            _ = try await Self.proven(pair)
            #expect(try await pair.target.value("SELECT reltuples FROM pg_class WHERE relname = 'empty'") == "0")
            try await pair.target.run("INSERT INTO empty VALUES (1)", "DELETE FROM empty")
            #expect(try await Self.findings(pair) == [])
            for side in [pair.source, pair.target] { try await side.run("INSERT INTO empty VALUES (1)") }
            let findings = try await Self.findings(pair)
            #expect(findings.map { "\($0.code) \($0.object)" } == ["statistics.missing public.empty"])
        }
    }

    @Test func `shows which of the most used indexes are missing`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            try await pair.source.run(
                "ANALYZE; SET enable_seqscan = off; SELECT * FROM customer WHERE born = '2020-01-01'"
            )
            _ = try await Self.proven(pair)
            try await pair.target.run("DROP INDEX customer_born")
            let report = try await pair.migration().verify()
            let used = try #require(report.verification?.mostUsedIndexes.first { $0.name == "public.customer_born" })
            #expect(!used.isOnTarget && used.scans == 1)
            #expect(report.text.contains("public.customer_born"))
        }
    }
}
