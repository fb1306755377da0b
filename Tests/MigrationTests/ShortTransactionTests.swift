import Planning
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `Transactions on the source` {
    /// One table in the order of its key, one with scattered keys.
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, v text);
        INSERT INTO t SELECT n, repeat(md5(n::text), 6) FROM generate_series(1, 60000) n;
        CREATE TABLE r (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v text);
        INSERT INTO r (v) SELECT repeat(md5(n::text), 6) FROM generate_series(1, 60000) n;
        ANALYZE;
        """

    @Test(.onceIn(3)) func `stay short in a precopy: chunks that take longer are cut`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            var migration = pair.migration(chunkBytes: 4 << 20)
            migration.options.longestTransaction = .milliseconds(5)
            migration.options.jobs = 1
            _ = try await migration.precopy()
            let chunks =
                "SELECT count(*) FROM tidemark.chunk JOIN tidemark.relation USING (relation_id) WHERE table_name"
            #expect(try await (Int(pair.target.value("\(chunks) = 't'")) ?? 0) > 8)
            #expect(try await pair.target.value("SELECT count(*) FROM tidemark.slice") == "0")
            try await pair.source.run("UPDATE t SET v = 'new' WHERE id % 5000 = 0; DELETE FROM r WHERE v LIKE '00%'")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    /// Scattered keys, or other unique keys; and a sequence that rows' values come from.
    private static let busy = """
        CREATE TABLE r (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int NOT NULL, v text);
        INSERT INTO r (n, v) SELECT n, repeat(md5(n::text), 6) FROM generate_series(1, 20000) n;
        CREATE TABLE u (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int NOT NULL, w int UNIQUE, v text);
        INSERT INTO u (n, w, v) SELECT n, n, repeat(md5(n::text), 6) FROM generate_series(1, 20000) n;
        ANALYZE;
        """

    /// Writes of all kinds; values of the unique column wander from row to row, rows wander through the file.
    private static func writes(_ round: Int) -> String {
        """
        UPDATE r SET v = '\(round)' WHERE n % 40 = \(round % 40);
        UPDATE r SET id = gen_random_uuid() WHERE n % 97 = \(round % 97);
        DELETE FROM r WHERE n % 211 = \(round % 211); INSERT INTO r (n) SELECT n FROM generate_series(1, 40) n;
        BEGIN; UPDATE u SET w = -w WHERE n % 50 = \(round % 50);
        UPDATE u SET w = -w WHERE n % 50 = \(round % 50) AND w < 0; COMMIT;
        WITH gone AS (DELETE FROM u WHERE n % 170 = \(round % 170) RETURNING n, w) INSERT INTO u (n, w) SELECT n, w FROM gone;
        BEGIN; SAVEPOINT s; UPDATE u SET v = 'sub' WHERE n = \(round % 20000); RELEASE s; DELETE FROM r WHERE n = \(round); COMMIT
        """
    }

    private func short(_ pair: DatabasePair, evidence: Evidence = .rows) -> Migration {
        pair.migration(chunkBytes: 64 << 10) {
            $0.longestTransaction = .milliseconds(5)
            $0.evidence = evidence
        }
    }

    /// Whether the last pass read both tables in slices, and compared nothing.
    private func expectSlices(_ pair: DatabasePair) async throws {
        let events = "FROM tidemark.event WHERE pass = (SELECT max(pass) FROM tidemark.event)"
        let sliced = try await pair.target.value(
            "SELECT count(DISTINCT relation_id) \(events) AND subject LIKE '% slices' AND subject NOT LIKE '% 1 slices'"
        )
        #expect(sliced == "2")
        #expect(try await pair.target.value("SELECT count(*) \(events) AND kind = 'reconciled'") == "0")
    }

    @Test(.onceIn(3)) func `stay short in a precopy that brings a delta of scattered or several unique keys`()
        async throws
    {
        try await DatabasePair.with(Self.busy) { pair in
            let notes = Notes()
            let migration = Migration(
                source: pair.source.endpoint,
                target: pair.target.endpoint,
                options: short(pair).options
            ) { notes.take($0) }
            _ = try await pair.migration(chunkBytes: 1 << 20).precopy()
            for round in 1...3 {
                try await pair.source.run(Self.writes(round))
                try await pair.source.untilMarksTell()
                _ = try await migration.precopy()
                try await expectSlices(pair)
                #expect(try await pair.differingTables() == [])
            }
            #expect(notes.all.filter { $0.contains("one snapshot") } == [])
            // No table is read at all in the night: nothing is left to the next pass.
            let report = try await short(pair, evidence: .counters).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(3)) func `stay short while everything is written to`() async throws {
        try await DatabasePair.with(Self.busy) { pair in
            _ = try await pair.migration(chunkBytes: 1 << 20).precopy()
            let done = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var round = 0
                    while !done.isRaised {
                        round += 1
                        try await pair.source.run(Self.writes(round))
                    }
                }
                for _ in 1...4 { _ = try await short(pair).precopy() }
                done.raise()
                try await group.waitForAll()
            }
            try await expectSlices(pair)
            let report = try await short(pair).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(2)) func `leave rows behind an open transaction to the next delta, and counters do not hide them`()
        async throws
    {
        try await DatabasePair.with(Self.busy) { pair in
            _ = try await pair.migration(chunkBytes: 1 << 20).precopy()
            try await pair.source.session { old in
                try await old.run("BEGIN; SELECT txid_current()")
                try await pair.source.run(Self.writes(1))
                try await Task.sleep(for: .milliseconds(1100))
                _ = try await short(pair).precopy()
                try await expectSlices(pair)
                #expect(try await pair.differingTables() == ["public.r", "public.u"])
                try await old.run("COMMIT")
            }
            let report = try await short(pair, evidence: .counters).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(3)) func `may end at any moment, and the next pass goes on from there`() async throws {
        try await DatabasePair.with(Self.busy) { pair in
            _ = try await pair.migration(chunkBytes: 1 << 20).precopy()
            for attempt in 1...8 {
                try await pair.source.run(Self.writes(attempt))
                let precopy = Task { try await short(pair).precopy() }
                try await Task.sleep(for: .milliseconds(attempt * 60))
                precopy.cancel()
                _ = try? await precopy.value
                // What the ledger says is what the target holds.
                #expect(
                    try await pair.target.value(
                        """
                        SELECT string_agg(table_name, ' ') FROM (
                            SELECT table_name, sum(rows) AS rows FROM tidemark.chunk JOIN tidemark.relation USING (relation_id)
                            GROUP BY 1) AS l
                        WHERE rows <> CASE table_name WHEN 'r' THEN (SELECT count(*) FROM r) ELSE (SELECT count(*) FROM u) END
                        """
                    ) == ""
                )
            }
            try await pair.source.untilMarksTell()
            _ = try await short(pair).precopy()
            #expect(try await pair.differingTables() == [])
            let report = try await short(pair).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            let compared = "SELECT count(*) FROM tidemark.event WHERE kind = 'reconciled'"
            #expect(try await pair.target.value(compared) == "0")
        }
    }

    @Test func `end when another session locks the table, and nothing is deleted for what was not read`() async throws {
        try await DatabasePair.with(Self.busy) { pair in
            _ = try await pair.migration(chunkBytes: 1 << 20).precopy()
            try await pair.source.run("UPDATE u SET v = 'new' WHERE n % 100 = 0")
            try await pair.source.untilMarksTell()
            let notes = Notes()
            // So many slices that they are read for seconds.
            let migration = pair.migration(notes: notes, chunkBytes: 8 << 10) {
                $0.longestTransaction = .milliseconds(5)
                $0.jobs = 1
            }
            let precopy = Task { try await migration.precopy() }
            let looks = """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND query ~ 'AS transactions\\s+FROM (ONLY )?"?public"?\\."?u"? '
                """
            while try await pair.source.value(looks) == "0" { try await Task.sleep(for: .milliseconds(10)) }
            try await pair.source.session { other in
                // Longer than a slice waits for the table, shorter than two of them would.
                try await other.run("BEGIN; LOCK TABLE u IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT")
            }
            let report = try await precopy.value
            #expect(notes.contain("u is left for later"), "\(notes.all)")
            #expect(report.transfer.reconciledChunks == 0, "\(notes.all)")
            #expect(report.transfer.removedRows == 200, "\(notes.all)")
            #expect(try await pair.differingTables() == [])
        }
    }
}
