import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// A stage moves while both sides are written at random; scripts/fuzz-delta runs more seeds.
@Suite struct `Under concurrent writes, a stage` {
    /// New ids are odd on the source and even on the target, where every row of others has a twin in a shadow table.
    private static let schema = """
        CREATE SEQUENCE ids INCREMENT 2 START 20001;
        CREATE TABLE t (tenant int, id bigint PRIMARY KEY, u int UNIQUE, v text);
        INSERT INTO t SELECT 1 + n % 4, n, n, repeat('v', 80) FROM generate_series(1, 4000) n;
        CREATE TABLE r (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant int, n int NOT NULL, v text);
        INSERT INTO r (tenant, n, v) SELECT 1 + n % 4, n, repeat('r', 80) FROM generate_series(1, 3000) n;
        CREATE TABLE w (tenant int, v text); INSERT INTO w SELECT 1 + n % 4, n FROM generate_series(1, 500) n;
        ANALYZE
        """
    private static let tables = ["t", "r", "w"]

    private static func migration(_ pair: DatabasePair, _ condition: String, isStage: Bool, slices: Bool = false)
        -> Migration
    {
        pair.migration(chunkBytes: 32 << 10) {
            for table in tables {
                $0.plan.filters[QualifiedName(schema: "public", name: ServerText(table))] = "tenant \(condition)"
            }
            if isStage { $0.omissions = [.allButFilteredRows] }
            if slices { $0.longestTransaction = .milliseconds(3) }
        }
    }

    /// A statement of the source's application: any tenant until the stage is closed, then only the fourth.
    private static func onSource(_ random: inout SplitMix, isClosed: Bool) -> String {
        let (n, tenant) = (random.next(upTo: 4000), isClosed ? 4 : 1 + random.next(upTo: 4))
        var statements = [
            "INSERT INTO t VALUES (\(tenant), nextval('ids'), NULL, 'new')",
            "UPDATE t SET v = v || '.' WHERE tenant = \(tenant) AND id % 90 = \(n % 90)",
            "DELETE FROM t WHERE tenant = \(tenant) AND id % 300 = \(n % 300)",
            "UPDATE t SET id = nextval('ids'), u = NULL WHERE tenant = \(tenant) AND id % 500 = \(n % 500)",
            """
            DO $$ BEGIN
                UPDATE t SET u = NULL WHERE tenant = \(tenant) AND u = \(n);
                IF FOUND THEN
                    UPDATE t SET u = \(n) WHERE id = (SELECT min(id) FROM t WHERE tenant = \(tenant) AND u IS NULL AND id > \(n));
                END IF;
            END $$
            """,
            "INSERT INTO r (tenant, n) SELECT \(tenant), n FROM generate_series(1, 9) n",
            "UPDATE r SET v = v || '.' WHERE tenant = \(tenant) AND n % 40 = \(n % 40)",
            "DELETE FROM r WHERE tenant = \(tenant) AND n % 200 = \(n % 200)",
            "INSERT INTO w VALUES (\(tenant), 'new'); DELETE FROM w WHERE tenant = \(tenant) AND v = '\(n % 500)'",
            "BEGIN; UPDATE t SET v = 'lost' WHERE tenant = \(tenant) AND id % 90 = \(n % 90); ROLLBACK",
            "VACUUM r",
        ]
        if !isClosed {
            // Rows come into the stage, and leave it.
            statements += [
                "UPDATE t SET tenant = 7 - tenant WHERE tenant IN (3, 4) AND id % 200 = \(n % 200)",
                "UPDATE r SET tenant = 7 - tenant WHERE tenant IN (3, 4) AND n % 100 = \(n % 100)",
            ]
            if random.next(upTo: 3000) == 0 { return "VACUUM FULL r" }
        }
        return statements[random.next(upTo: statements.count)]
    }

    /// A statement of the target's application, done to the shadow as well.
    private static func onTarget(_ random: inout SplitMix, _ number: Int) -> [String] {
        let (n, tenant) = (random.next(upTo: 4000), 1 + random.next(upTo: 2))
        let statements = [
            "INSERT INTO @t VALUES (\(tenant), \(100_000 + 2 * number), NULL, 'target')",
            "UPDATE @t SET v = v || '+' WHERE tenant = \(tenant) AND id % 90 = \(n % 90)",
            "DELETE FROM @t WHERE tenant = \(tenant) AND id % 300 = \(n % 300)",
            "INSERT INTO @r VALUES ('\(format(number))', \(tenant), \(n), 'target')",
            "UPDATE @r SET v = v || '+' WHERE tenant = \(tenant) AND n % 40 = \(n % 40)",
            "DELETE FROM @r WHERE tenant = \(tenant) AND n % 200 = \(n % 200)",
            "INSERT INTO @w VALUES (\(tenant), 'target \(number)')",
        ]
        let statement = statements[random.next(upTo: statements.count)]
        return [statement.replacing("@", with: ""), statement.replacing("@", with: "shadow_")]
    }

    /// A uuid that no one else makes, at a random place of the key.
    private static func format(_ number: Int) -> String {
        let digits = String(UInt32(truncatingIfNeeded: number &* 0x9E37_79B9), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits + "-0000-0000-0000-000000000000"
    }

    private static func rows(_ condition: String, prefix: String = "", on database: TestDatabase) async throws
        -> [String]
    {
        var rows: [String] = []
        for table in tables {
            rows.append(
                try await database.value(
                    "SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, '|' ORDER BY x::text)), '') FROM \(prefix)\(table) x WHERE tenant \(condition)"
                )
            )
        }
        return rows
    }

    /// Seeds 1 to 4, or those given by scripts/fuzz-delta.
    static let seeds =
        `Under concurrent writes`.asked == nil ? Cases.some(1, of: [1, 2, 3, 4]) : `Under concurrent writes`.seeds

    @Test(.onceIn(2), arguments: seeds) func `gets its own rows, and leaves those of others alone`(seed: UInt64)
        async throws
    {
        try await DatabasePair.with(Self.schema) { pair in
            let first = Self.migration(pair, "<= 2", isStage: false)
            #expect(try await first.precopy().outcome == .done)
            #expect(try await first.cutover().outcome == .done)
            try await LedgerAdministration(target: pair.target.endpoint).finish(abandon: false)
            for table in Self.tables {
                try await pair.target.run("CREATE TABLE shadow_\(table) AS SELECT * FROM \(table)")
            }

            let (isClosed, isOver) = (Flag(), Flag())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 1...2 {
                    group.addTask {
                        var random = SplitMix(seed: seed &* 131 &+ UInt64(writer))
                        try await pair.source.session { session in
                            while !isOver.isRaised {
                                do {
                                    // Whoever sees the stage open has ended before it is closed for good (below).
                                    try await session.run(Self.onSource(&random, isClosed: isClosed.isRaised))
                                } catch let error as PostgresError where ["40P01", "55P03"].contains(error.sqlState) {}
                            }
                        }
                    }
                }
                group.addTask {
                    var (random, number) = (SplitMix(seed: seed &* 137), 0)
                    try await pair.target.session { session in
                        while !isOver.isRaised {
                            number += 1
                            let twins = Self.onTarget(&random, number)
                            try await session.run("BEGIN; \(twins.joined(separator: "; ")); COMMIT")
                        }
                    }
                }
                defer { isOver.raise() }
                for pass in 0..<3 {
                    let stage = Self.migration(pair, "= 3", isStage: true, slices: pass > 0 && seed % 2 == 0)
                    let report = try await stage.precopy()
                    #expect(report.outcome == .done, "seed \(seed)\n\(report.text)")
                    try await Task.sleep(for: .milliseconds(100))
                }
                isClosed.raise()
                try await Task.sleep(for: .milliseconds(500))
                for _ in 1...2 {
                    let cutover = try await Self.migration(pair, "= 3", isStage: true).cutover()
                    #expect(cutover.outcome == .done, "seed \(seed)\n\(cutover.text)")
                }
                isOver.raise()
                try await group.waitForAll()
            }
            #expect(try await Self.rows("= 3", on: pair.target) == Self.rows("= 3", on: pair.source), "seed \(seed)")
            let (real, shadow) = try await (
                Self.rows("<> 3", on: pair.target), Self.rows("<> 3", prefix: "shadow_", on: pair.target)
            )
            #expect(real == shadow, "seed \(seed)")
        }
    }
}
