import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

/// `verify --since-cutover`: the new site is open, the source is closed.
@Suite(.enabled("PostgreSQL 15 and newer", TestServers.areBothSince15)) struct `A target in use since the cutover` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text);
        INSERT INTO t SELECT 2 * n, repeat('t', 200) FROM generate_series(1, 3000) n;
        CREATE TABLE small (id int PRIMARY KEY, v text); INSERT INTO small SELECT n, 's' FROM generate_series(1, 20) n;
        CREATE TABLE keyless (v text); INSERT INTO keyless SELECT n FROM generate_series(1, 20) n;
        CREATE TABLE rest (id int PRIMARY KEY, v text); INSERT INTO rest SELECT n, 'r' FROM generate_series(1, 2000) n;
        ANALYZE
        """

    private static func with(_ evidence: Evidence, _ body: (DatabasePair, Migration) async throws -> Void) async throws
    {
        try await DatabasePair.with(schema) { pair in
            let migration = pair.migration {
                ($0.plan.chunkBytes, $0.plan.wholeBelowBytes) = (64 << 10, 8 << 10)
                $0.evidence = evidence
                if evidence == .declared { $0.plan.immutableBelow[QualifiedName(schema: "public", name: "t")] = "5000" }
            }
            #expect(try await migration.precopy().outcome == .done)
            try await body(pair, migration)
        }
    }

    private static let live = """
        INSERT INTO t VALUES (7, 'live'), (9, 'live'); UPDATE t SET v = 'live' WHERE id IN (100, 102, 104);
        DELETE FROM t WHERE id IN (200, 202); UPDATE t SET id = 11 WHERE id = 300; UPDATE small SET v = 'live' WHERE id = 3
        """

    private static func codes(_ report: RunReport) -> [String] {
        (report.verification?.findings ?? []).map { "\($0.severity) \($0.code) \($0.object)" }.sorted()
    }

    @Test func `is proven without what others wrote, which is counted`() async throws {
        try await Self.with(.counters) { pair, migration in
            #expect(try await migration.cutover().outcome == .done)
            try await pair.target.run(Self.live)
            let report = try await migration.verify(sinceCutover: true)
            #expect(report.outcome == .done, "\(report.text)")
            #expect(
                Self.codes(report) == [
                    "note rows.deleted-since public.t", "note rows.written-since public.small",
                    "note rows.written-since public.t",
                ],
                "\(report.text)"
            )
            let t = report.verification?.findings.first { $0.code == "rows.written-since" && $0.object == "public.t" }
            #expect(
                t?.message.contains("3 rows that the source does not have, 3 that it has") == true,
                "\(report.text)"
            )
            let deleted = report.verification?.findings.first { $0.code == "rows.deleted-since" }
            #expect(deleted?.message.hasPrefix("3 rows of the source are not on the target") == true, "\(report.text)")
            #expect(try await migration.verify().outcome == .differs)
        }
    }

    /// What the night took on trust was not as declared.
    @Test func `shows what the night took on trust`() async throws {
        try await Self.with(.declared) { pair, migration in
            try await pair.source.run(
                "UPDATE t SET v = 'false' WHERE id = 400; INSERT INTO t VALUES (401, 'never copied')"
            )
            #expect(try await migration.cutover().outcome == .notProven)
            try await pair.target.run("UPDATE t SET v = 'live' WHERE id = 4000; INSERT INTO t VALUES (7, 'live')")
            let report = try await migration.verify(sinceCutover: true)
            #expect(report.outcome == .differs, "\(report.text)")
            let codes = Self.codes(report)
            #expect(codes.contains("stops rows.value public.t (id) = (400)"), "\(codes)")
            // One was updated since, so the missing row might be an updated one's former key.
            #expect(codes.contains("note rows.deleted-since public.t"), "\(codes)")
            try await pair.source.run(
                "UPDATE t SET v = repeat('t', 200) WHERE id = 400; INSERT INTO t VALUES (403, 'too')"
            )
            let again = try await migration.verify(sinceCutover: true)
            #expect(again.outcome == .differs, "\(again.text)")
            #expect(Self.codes(again).contains("stops rows.missing public.t"), "\(again.text)")
            #expect(again.warnings.contains { $0.contains("committed on the source since the cutover") })
        }
    }

    /// A hundred rows of a table are named; what others wrote is counted in all of its ranges.
    @Test func `is compared to the end, however much differs`() async throws {
        try await Self.with(.declared) { pair, migration in
            try await pair.source.run("UPDATE t SET v = 'false' WHERE id % 20 = 0 AND id < 5000")
            #expect(try await migration.cutover().outcome == .notProven)
            try await pair.target.run("UPDATE t SET v = 'live' WHERE id % 20 = 10")
            let report = try await migration.verify(sinceCutover: true)
            #expect(report.outcome == .differs)
            #expect(report.verification?.notProven == [], "\(report.text)")
            let written = report.verification?.findings.first { $0.code == "rows.written-since" }
            #expect(written?.message.contains("300 that it has with other values") == true, "\(report.text)")
        }
    }

    @Test func `does not prove a table without a key, nor rows missing while the counters are silent`() async throws {
        try await Self.with(.rows) { pair, migration in
            #expect(try await migration.cutover().outcome == .done)
            try await pair.target.run("INSERT INTO keyless VALUES ('live')")
            let report = try await migration.verify(sinceCutover: true)
            #expect(report.outcome == .notProven, "\(report.text)")
            #expect(report.verification?.notProven.contains { $0.contains("public.keyless differ") } == true)
            try await pair.target.run("DELETE FROM keyless WHERE v = 'live'; DELETE FROM rest WHERE id = 5")
            try await pair.target.run("SELECT pg_stat_reset()")
            let silent = try await migration.verify(sinceCutover: true)
            #expect(silent.outcome == .notProven, "\(silent.text)")
            #expect(
                silent.verification?.notProven.contains { $0.contains("1 rows of public.rest are not on the target") }
                    == true
            )
        }
    }

    @Test func `needs the ledger of a cutover`() async throws {
        try await Self.with(.rows) { _, migration in
            let error = await #expect(throws: LedgerError.self) { try await migration.verify(sinceCutover: true) }
            #expect(error?.code == .missing && error?.hint?.contains("tidemark finish") == true)
        }
    }
}
