import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// PostgreSQL 18 has virtual generated columns: they store nothing, and their expression may fail for a row unnoticed.
@Suite struct `A virtual generated column` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, n int, v int GENERATED ALWAYS AS (100 / n) VIRTUAL,
                        s int GENERATED ALWAYS AS (n * 2) STORED);
        INSERT INTO t SELECT x, x % 7 FROM generate_series(0, 4000) x;
        CREATE TABLE without_key (n int, v int GENERATED ALWAYS AS (100 / n) VIRTUAL);
        INSERT INTO without_key VALUES (0), (0), (1);
        CREATE TABLE nothing_else (v int GENERATED ALWAYS AS (1) VIRTUAL);
        INSERT INTO nothing_else DEFAULT VALUES;
        CREATE TABLE checked (id serial PRIMARY KEY, n int, v int GENERATED ALWAYS AS (100 / n) VIRTUAL);
        INSERT INTO checked (n) VALUES (0), (1);
        ALTER TABLE checked ADD CHECK (v > 0) NOT VALID;
        CREATE TABLE parted (id int, n int, v int GENERATED ALWAYS AS (100 / n) VIRTUAL) PARTITION BY RANGE (id);
        CREATE TABLE part PARTITION OF parted DEFAULT;
        INSERT INTO parted VALUES (1, 0), (2, 1)
        """
    private static let writes =
        "UPDATE t SET n = 0 WHERE id % 50 = 1; DELETE FROM t WHERE id = 7; INSERT INTO t VALUES (9000, 0)"
    private static let held = ["SELECT (id, n, s)::text FROM t ORDER BY id", "SELECT n FROM without_key ORDER BY 1"]

    private static func with(_ body: (DatabasePair) async throws -> Void) async throws {
        try await DatabasePair.with { pair in
            guard try await pair.source.majorVersion() >= 18, try await pair.target.majorVersion() >= 18 else { return }
            try await pair.source.run(schema)
            try await body(pair)
        }
    }

    private static func expectSame(_ pair: DatabasePair, _ target: TestDatabase) async throws {
        for rows in held {
            let wanted = try await pair.source.column(rows)
            #expect(try await target.column(rows) == wanted)
        }
    }

    @Test(arguments: [false, true]) func `is not evaluated by copies or proofs`(isAdopted: Bool) async throws {
        try await Self.with { pair in
            if isAdopted {
                try await pair.target.run(Self.schema)
                try await pair.source.run(Self.writes.replacing("= 7", with: "= 8").replacing("9000", with: "9001"))
            }
            let first = try await pair.migration { if isAdopted { $0.targetContents = .rows } }.precopy()
            #expect(first.outcome == .done, "\(first.text)")
            #expect(!first.warnings.contains { $0.contains("division by zero") }, "\(first.text)")
            try await pair.source.run(Self.writes)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            try await Self.expectSame(pair, pair.target)
            for isInFull in [false, true] {
                let report = try await pair.migration {
                    $0.verifiesInFull = isInFull
                    $0.triesInserts = true
                }.verify()
                #expect(report.outcome == .done, "\(report.text)")
            }
        }
    }

    @Test func `is compared by its expression, and rows by their stored columns`() async throws {
        try await Self.with { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                """
                ALTER TABLE t ALTER v SET EXPRESSION AS (99 / n); UPDATE t SET n = 0 WHERE id = 5;
                ALTER TABLE without_key DROP v; ALTER TABLE without_key ADD v int
                """
            )
            let report = try await pair.migration { $0.showsValues = true }.verify()
            let findings = report.verification?.findings ?? []
            #expect(findings.contains { $0.kind == "column" && $0.object.contains("t.v") }, "\(report.text)")
            #expect(findings.contains { $0.kind == "column" && $0.object.contains("without_key.v") }, "\(report.text)")
            let rows = findings.filter { $0.kind == "rows" }
            #expect(rows.map(\.message) == ["its n, s differ"], "\(report.text)")
            #expect(rows.first?.target == "n = 0, s = 0")
            #expect(report.verification?.notProven == [])
        }
    }

    @Test func `follows a changed expression`() async throws {
        try await Self.with { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(
                "ALTER TABLE t ALTER v SET EXPRESSION AS (99 / n); ALTER TABLE t ADD w int GENERATED ALWAYS AS (1 / n) VIRTUAL"
            )
            let report = try await pair.migration().precopy()
            #expect(report.outcome == .done, "\(report.text)")
            let last = try await pair.migration().cutover()
            #expect(last.outcome == .done, "\(last.text)")
            try await Self.expectSame(pair, pair.target)
        }
    }
}
