import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `Under concurrent writes` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, u int UNIQUE, v text);
        CREATE SEQUENCE ids CACHE 20;
        INSERT INTO t SELECT nextval('ids'), n, repeat('v', 100) FROM generate_series(1, 3000) n;
        CREATE TABLE k (a int, b uuid DEFAULT gen_random_uuid(), v text, PRIMARY KEY (a, b));
        INSERT INTO k (a, v) SELECT n % 7, repeat('k', 100) FROM generate_series(1, 2000) n;
        ANALYZE;
        """

    /// One writer's transaction, chosen by a generator that its seed repeats.
    private static func transaction(_ random: inout SplitMix, writer: Int) -> String {
        let id = random.next(upTo: 6000)
        let statements = [
            "INSERT INTO t VALUES (nextval('ids'), NULL, 'w\(writer)')",
            "UPDATE t SET v = v || '.' WHERE id = \(id)",
            "DELETE FROM t WHERE id = \(id)",
            "UPDATE t SET id = nextval('ids') WHERE id = \(id)",
            "DELETE FROM k WHERE a = \(id % 7) AND b IN (SELECT b FROM k WHERE a = \(id % 7) ORDER BY b LIMIT 2)",
            "INSERT INTO k (a, v) SELECT n, 'w\(writer)' FROM generate_series(0, 6) n",
            "UPDATE k SET v = 'u', a = (a + 1) % 7 WHERE b > md5('\(id)')::uuid AND b < md5('\(id)')::uuid::text::uuid",
            "UPDATE t SET u = -(SELECT max(u) FROM t) - id WHERE id BETWEEN \(id) AND \(id + 5)",
            "SAVEPOINT s; UPDATE t SET v = 'lost' WHERE id = \(id); ROLLBACK TO SAVEPOINT s",
            "SAVEPOINT s; UPDATE t SET v = 'kept' WHERE id = \(id); RELEASE SAVEPOINT s",
            "DO $$ BEGIN INSERT INTO t VALUES (\(id), NULL, 'x'); EXCEPTION WHEN unique_violation THEN UPDATE t SET v = 'dup' WHERE id = \(id); END $$",
        ]
        let count = 1 + random.next(upTo: 3)
        let body = (0..<count).map { _ in statements[random.next(upTo: statements.count)] }
        return "BEGIN; " + body.joined(separator: "; ") + (random.next(upTo: 8) == 0 ? "; ROLLBACK" : "; COMMIT")
    }

    private static func write(_ pair: DatabasePair, seed: UInt64, writer: Int, until done: Flag) async throws {
        var random = SplitMix(state: seed &* 31 &+ UInt64(writer))
        try await pair.source.session { session in
            while !done.isRaised {
                do {
                    try await session.run(transaction(&random, writer: writer))
                } catch {
                    // Two writers may meet in a deadlock or on a value; the application would try another.
                    try await session.run("ROLLBACK")
                }
                if random.next(upTo: 10) == 0 { try await Task.sleep(for: .milliseconds(random.next(upTo: 30))) }
            }
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4]) func `nothing is lost, doubled or stale`(seed: UInt64) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let done = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<3 {
                    group.addTask { try await Self.write(pair, seed: seed, writer: writer, until: done) }
                }
                defer { done.raise() }
                for _ in 0..<3 {
                    let report = try await pair.migration().precopy()
                    #expect(report.outcome == .done, "seed \(seed)")
                    #expect(report.transfer.reconciledChunks == 0, "seed \(seed)")
                    try await Task.sleep(for: .milliseconds(100))
                }
                done.raise()
                try await group.waitForAll()
            }
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "seed \(seed)\n\(report.text)")
            #expect(try await pair.differingTables() == [], "seed \(seed)")
        }
    }
}

/// A generator whose seed repeats a failure (SplitMix64, Steele, Lea and Flood 2014).
struct SplitMix {
    var state: UInt64

    mutating func next(upTo bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }
}
