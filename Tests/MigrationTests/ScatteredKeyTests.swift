import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite(.serialized) struct `Tables with scattered keys` {
    /// Random keys: no chunk lies together in the file.
    private static let schema = """
        CREATE TABLE r (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int NOT NULL, v text);
        INSERT INTO r (n, v) SELECT n, repeat(md5(n::text), 6) FROM generate_series(1, 12000) n;
        ANALYZE r;
        """

    /// Pages of the table that sessions have fetched, from disk or from memory; index pages are not among them.
    private static let fetched = """
        SELECT heap_blks_read + heap_blks_hit FROM pg_statio_all_tables WHERE relname = 'r'
        """

    private func pagesFetched(on side: TestDatabase, by body: () async throws -> Void) async throws -> Double {
        try await side.untilMarksTell()
        let pages = try #require(Double(try await side.value("SELECT pg_relation_size('r') / 8192.0")))
        // Sessions hand in what they counted a second later, or when they end.
        try await Task.sleep(for: .milliseconds(1200))
        let before = try #require(Double(try await side.value(Self.fetched)))
        try await body()
        try await Task.sleep(for: .milliseconds(1200))
        return (try #require(Double(try await side.value(Self.fetched))) - before) / pages
    }

    /// VACUUM cannot be one of several statements of a string.
    private func write(_ statements: String, on side: TestDatabase) async throws {
        guard statements.hasPrefix("VACUUM") else { return try await side.run(statements) }
        for statement in statements.split(separator: "; ") { try await side.run(String(statement)) }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                "INSERT INTO r (n) SELECT n FROM generate_series(1, 500) n",
                "UPDATE r SET v = 'changed' WHERE n % 97 = 0",
                "DELETE FROM r WHERE n % 101 = 0",
                "UPDATE r SET id = gen_random_uuid() WHERE n % 89 = 0",
                "DELETE FROM r WHERE n IN (5, 0) OR n = 1 + (SELECT min(n) FROM r); INSERT INTO r SELECT '00000000-0000-0000-0000-000000000000', 0, 'first'",
                "DELETE FROM r",
                "VACUUM FULL r; UPDATE r SET v = NULL WHERE n = 77",
                "BEGIN; UPDATE r SET v = 'lost'; ROLLBACK; INSERT INTO r (n) VALUES (-1)",
            ]
        )
    )
    func `follow writes days ahead and on the night`(writes: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.target.value("SELECT count(*) FROM tidemark.chunk") == "8")
            try await write(writes, on: pair.source)
            _ = try await pair.migration().precopy()
            #expect(try await pair.differingTables() == [])
            try await write(writes, on: pair.source)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(3)) func `need no second look where rows were updated`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let migration = pair.migration { $0.provesAhead = false }
            _ = try await migration.precopy()
            func looks(_ writes: String) async throws -> Double {
                try await pair.source.run(writes)
                let looks = try await pagesFetched(on: pair.source) { _ = try await migration.precopy() }
                #expect(try await pair.differingTables() == [])
                return looks
            }
            // The pages of the updated rows come on top.
            let updated = try await looks("UPDATE r SET v = 'new' WHERE n % 1000 = 7")
            #expect(updated < 1.5, "\(updated)")
            _ = try await looks("UPDATE r SET v = 'newer' WHERE n % 1000 = 7; DELETE FROM r WHERE n % 1000 = 8")
            // As many rows are gone as keys are written again, but not the same ones.
            _ = try await looks(
                "UPDATE r SET id = gen_random_uuid() WHERE n % 1000 = 9; UPDATE r SET v = 'same' WHERE n % 1000 = 10"
            )
            _ = try await looks(
                """
                CREATE TEMP TABLE gone AS SELECT * FROM r WHERE n % 1000 = 11; DELETE FROM r WHERE n % 1000 IN (11, 12);
                INSERT INTO r SELECT * FROM gone
                """
            )
        }
    }

    @Test(.onceIn(2)) func `are read from end to end, not once for each chunk`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let base = try await pagesFetched(on: pair.source) { _ = try await pair.migration().precopy() }
            // Once for the base, once for the proof, and the sample that the chunks were cut by.
            #expect(base < 4, "\(base)")
            try await pair.source.run(
                "INSERT INTO r (n) SELECT n FROM generate_series(1, 200) n; UPDATE r SET v = 'new' WHERE n = 7"
            )
            // One or two looks for the delta, one for the proof, and a page for each new row. By its index, the table would be
            // fetched thirty times by each of them: one page for each row. Beside other tests' transactions a look may begin again.
            let ahead = try await pagesFetched(on: pair.source) { _ = try await pair.migration().precopy() }
            #expect(ahead < 12, "\(ahead)")
            try await pair.source.run(
                "INSERT INTO r (n) SELECT n FROM generate_series(1, 200) n; UPDATE r SET v = 'new' WHERE n = 8"
            )
            let night = try await pagesFetched(on: pair.source) {
                let report = try await pair.migration().cutover()
                #expect(report.outcome == .done, "\(report.text)")
                #expect(report.text.contains("8 ranges proven before"), "\(report.text)")
            }
            #expect(night < 12, "\(night)")
        }
    }

    @Test func `are copied by position on the night as well, if they are new`() async throws {
        try await DatabasePair.with("CREATE TABLE s (id int PRIMARY KEY)") { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(Self.schema)
            // An old transaction is open: ids above its own are not below the snapshot, although they have committed.
            try await pair.source.session { old in
                try await old.run("BEGIN; SELECT txid_current()")
                try await pair.source.run("INSERT INTO r (n) SELECT n FROM generate_series(1, 300) n")
                _ = try await pair.migration().cutover()
                #expect(try await pair.differingTables() == [])
                #expect(
                    try await pair.target.value("SELECT count(*) FROM tidemark.event WHERE kind = 'reconciled'") == "0"
                )
                try await old.run("COMMIT")
            }
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
        }
    }

    @Test func `are proven ahead although rows are added all the time`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let done = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !done.isRaised {
                        try await pair.source.run("INSERT INTO r (n) SELECT generate_series(1, 40)")
                    }
                }
                // Another test's transaction, as old as these rows, keeps them from being proven.
                let unproven = "SELECT count(*) FROM tidemark.chunk WHERE proof IS NULL"
                for _ in 1...5 {
                    _ = try await pair.migration().precopy()
                    if try await pair.target.value(unproven) == "0" { break }
                    for side in [pair.source, pair.target] { try await side.untilMarksTell() }
                }
                done.raise()
                try await group.waitForAll()
            }
            // Every chunk has new rows; the proof covers those that were there when it was read.
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.text.contains("8 ranges proven before"), "\(report.text)")
        }
    }

    @Test func `start over if the target does not hold what was copied of the file`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            // As a crash of the target leaves it that empties an unlogged table, or a session that writes to the target.
            try await pair.target.run(
                """
                INSERT INTO tidemark.slice
                SELECT DISTINCT ON (relation_id) relation_id, 1, 0, NULL::bigint, mark, 1, 11000, 1 FROM tidemark.chunk;
                UPDATE tidemark.chunk SET mark = NULL, pass = 0, rows = 0, proof = NULL
                """
            )
            try await pair.source.run("UPDATE r SET v = 'later' WHERE n = 3")
            _ = try await pair.migration().precopy()
            #expect(
                try await pair.target.value("SELECT count(*) FROM tidemark.event WHERE kind = 'started over'") == "1"
            )
            #expect(try await pair.target.value("SELECT count(*) FROM tidemark.slice") == "0")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `keep their other unique keys, although parts of the file are read one after the other`() async throws {
        let schema = "\(Self.schema); ALTER TABLE r ADD COLUMN u int; UPDATE r SET u = n; CREATE UNIQUE INDEX ON r (u)"
        try await DatabasePair.with(schema) { pair in
            let done = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // A value of the unique column wanders from row to row, and rows wander through the file.
                    for round in 1... where !done.isRaised {
                        try await pair.source.run(
                            """
                            BEGIN; UPDATE r SET u = -u WHERE n % 50 = \(round % 50);
                            UPDATE r SET u = -u WHERE n % 50 = \(round % 50) AND u < 0; COMMIT;
                            WITH gone AS (DELETE FROM r WHERE n % 70 = \(round % 70) RETURNING n, u)
                            INSERT INTO r (n, u) SELECT n, u FROM gone
                            """
                        )
                        if done.isRaised { break }
                    }
                }
                _ = try await pair.migration().precopy()
                done.raise()
                try await group.waitForAll()
            }
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }
}
