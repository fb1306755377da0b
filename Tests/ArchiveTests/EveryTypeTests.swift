import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `Every type that a column can have, archived,` {
    @Test(.onceIn(3)) func `is dumped, checked, restored and proven`() async throws {
        try await DatabasePair.with { pair in
            try await pair.source.run(try await EveryType.script(for: pair))
            try await TestArchive.with(pair) { test in
                let archive = test.archive()
                #expect(try await archive.dump(from: pair.source.endpoint).outcome == .done)
                let base = try await pair.source.contents()
                try await pair.source.run(EveryType.writes)
                let second = try await archive.dump(from: pair.source.endpoint)
                #expect(second.outcome == .done, "\(second.text)")
                let delta = try await pair.source.contents()
                try await archive.check()
                for (generation, wanted) in [base, delta].enumerated() {
                    try await test.withEmptyTarget("at_\(generation)") { target in
                        let report = try await archive.restore(to: target.endpoint, until: generation)
                        #expect(report.outcome == .done, "\(report.text)")
                        #expect(try await target.contents() == wanted)
                    }
                }
            }
        }
    }

    /// PostgreSQL 18 has virtual generated columns: they store nothing, and their expression may fail for a row.
    @Test func `is only a definition if the column is virtual`() async throws {
        try await DatabasePair.with { pair in
            guard try await pair.source.majorVersion() >= 18, try await pair.target.majorVersion() >= 18 else { return }
            try await pair.source.run(
                """
                CREATE TABLE t (id int PRIMARY KEY, n int, v int GENERATED ALWAYS AS (100 / n) VIRTUAL);
                INSERT INTO t SELECT x, x % 7 FROM generate_series(0, 4000) x;
                CREATE TABLE stored (id int PRIMARY KEY, n int, s int GENERATED ALWAYS AS (n * 2) STORED,
                                     v int GENERATED ALWAYS AS (100 / n) VIRTUAL);
                INSERT INTO stored SELECT x, x % 7 FROM generate_series(0, 4000) x
                """
            )
            try await TestArchive.with(pair) { test in
                for _ in 0..<2 {
                    let report = try await test.archive().dump(from: pair.source.endpoint)
                    #expect(report.outcome == .done, "\(report.text)")
                    try await pair.source.run("UPDATE t SET n = 0 WHERE id = 5; UPDATE stored SET n = 0 WHERE id = 9")
                }
                let report = try await test.archive().restore(to: pair.target.endpoint)
                #expect(report.outcome == .done, "\(report.text)")
                for (columns, table) in [("id, n", "t"), ("id, n, s", "stored")] {
                    let rows = "SELECT (\(columns))::text FROM \(table) ORDER BY id"
                    let wanted = try await pair.source.column(rows)
                    #expect(try await pair.target.column(rows) == wanted)
                }
            }
        }
    }
}
