import FoundationEssentials
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `Under concurrent writes` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, u int UNIQUE, v text);
        CREATE SEQUENCE ids CACHE 20;
        INSERT INTO t SELECT nextval('ids'), n, repeat('v', 100) FROM generate_series(1, 3000) n;
        CREATE TABLE log (id bigint PRIMARY KEY DEFAULT nextval('ids'), v text);
        INSERT INTO log (v) SELECT repeat('l', 100) FROM generate_series(1, 1500) n;
        CREATE TABLE k (a int, b uuid DEFAULT gen_random_uuid(), v text, PRIMARY KEY (a, b));
        INSERT INTO k (a, v) SELECT n % 7, repeat('k', 100) FROM generate_series(1, 2000) n;
        CREATE TABLE r (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int NOT NULL, v text);
        INSERT INTO r (n, v) SELECT n, repeat('r', 100) FROM generate_series(1, 3000) n;
        ANALYZE;
        """

    /// Returns one writer's transaction, chosen by a generator whose seed makes it repeatable.
    private static func transaction(_ random: inout SplitMix, writer: Int, database: String) -> String {
        let id = random.next(upTo: 6000)
        let statements = [
            "INSERT INTO t VALUES (nextval('ids'), NULL, 'w\(writer)')",
            "UPDATE t SET v = v || '.' WHERE id = \(id)",
            "DELETE FROM t WHERE id = \(id)",
            "UPDATE t SET id = nextval('ids') WHERE id = \(id)",
            "DELETE FROM k WHERE a = \(id % 7) AND b IN (SELECT b FROM k WHERE a = \(id % 7) ORDER BY b LIMIT 2)",
            "INSERT INTO k (a, v) SELECT n, 'w\(writer)' FROM generate_series(0, 6) n",
            "UPDATE k SET v = 'u', a = (a + 1) % 7 WHERE b IN (SELECT b FROM k WHERE a = \(id % 7) ORDER BY b DESC LIMIT 3)",
            "INSERT INTO log (v) SELECT 'w\(writer)' FROM generate_series(1, 3)",
            "UPDATE log SET v = v || '!' WHERE id % 100 = \(id % 100)",
            "DELETE FROM log WHERE id % 200 = \(id % 200)",
            "UPDATE t SET u = -(SELECT max(u) FROM t) - id WHERE id BETWEEN \(id) AND \(id + 5)",
            "INSERT INTO r (n) SELECT n FROM generate_series(\(id), \(id + 20)) n",
            "UPDATE r SET v = v || '.' WHERE n % 50 = \(id % 50)",
            "DELETE FROM r WHERE n % 300 = \(id % 300)",
            "UPDATE r SET id = gen_random_uuid() WHERE n % 100 = \(id % 100)",
            "SAVEPOINT s; UPDATE t SET v = 'lost' WHERE id = \(id); ROLLBACK TO SAVEPOINT s",
            "SAVEPOINT s; UPDATE t SET v = 'kept' WHERE id = \(id); RELEASE SAVEPOINT s",
            "DO $$ BEGIN INSERT INTO t VALUES (\(id), NULL, 'x'); EXCEPTION WHEN unique_violation THEN UPDATE t SET v = 'dup' WHERE id = \(id); END $$",
        ]
        let count = 1 + random.next(upTo: 3)
        let body = (0..<count).map { _ in statements[random.next(upTo: statements.count)] }.joined(separator: "; ")
        let end =
            switch random.next(upTo: 40) {
            case 0..<4: "ROLLBACK"
            case 4..<8: "PREPARE TRANSACTION 'w\(database)_\(writer)'"
            default: "COMMIT"
            }
        return "BEGIN; \(body); \(end)"
    }

    /// Returns a statement that runs outside of transactions now and then: it empties or rewrites a table.
    private static func upheaval(_ random: inout SplitMix) -> String {
        [
            "TRUNCATE log", "INSERT INTO log (v) SELECT 'again' FROM generate_series(1, 500)",
            "CLUSTER log USING log_pkey",
            "ALTER TABLE log SET WITHOUT CLUSTER", "VACUUM FULL k", "VACUUM (FREEZE) t", "ANALYZE",
            "VACUUM FULL r", "VACUUM r",
        ][random.next(upTo: 9)]
    }

    /// Errors after which an application retries: a deadlock, a duplicate key, a lock timeout.
    private static let expected: Set<String> = ["40P01", "40001", "23505", "55P03"]

    /// Writes until the flag is raised.
    ///
    /// - Returns: The number of transactions that succeeded.
    private static func write(
        _ pair: DatabasePair,
        seed: UInt64,
        writer: Int,
        until done: Flag
    ) async throws -> Int {
        var written = 0
        var random = SplitMix(seed: seed &* 31 &+ UInt64(writer))
        try await pair.source.session { session in
            while !done.isRaised {
                do {
                    let isUpheaval = writer == 0 && random.next(upTo: 60) == 0
                    try await session.run(
                        isUpheaval ? upheaval(&random) : transaction(&random, writer: writer, database: pair.name)
                    )
                    written += 1
                } catch let error as PostgresError where expected.contains(error.sqlState ?? "") {
                    try await session.run("ROLLBACK")
                }
                if random.next(upTo: 10) == 0 { try await Task.sleep(for: .milliseconds(random.next(upTo: 30))) }
                try await endPrepared(pair, writer, commit: random.next(upTo: 3) > 0, session)
            }
        }
        return written
    }

    /// Transactions of another database that have ids and stay open for a while, so that marks lag behind what they see.
    private static func holdBack(_ pair: DatabasePair, seed: UInt64, until done: Flag) async throws -> Int {
        var (random, held) = (SplitMix(seed: seed &* 53), 0)
        try await pair.source.elsewhere.session { session in
            while !done.isRaised {
                try await session.run("BEGIN; SELECT txid_current()")
                try await Task.sleep(for: .milliseconds(random.next(upTo: 1500)))
                try await session.run("COMMIT")
                held += 1
            }
        }
        return held
    }

    /// Commits or rolls back a prepared transaction later, in any session.
    private static func endPrepared(_ pair: DatabasePair, _ writer: Int, commit: Bool, _ session: TestSession)
        async throws
    {
        let name = "w\(pair.name)_\(writer)"
        let isPending = "SELECT count(*) FROM pg_prepared_xacts WHERE gid = '\(name)'"
        guard try await pair.source.value(isPending) != "0" else { return }
        try await Task.sleep(for: .milliseconds(40))
        try await session.run("\(commit ? "COMMIT" : "ROLLBACK") PREPARED '\(name)'")
    }

    static let asked = ProcessInfo.processInfo.environment["TIDEMARK_FUZZ_SEEDS"]

    /// Some of the seeds 1 to 20, or all those given by scripts/fuzz-delta.
    static let seeds: [UInt64] = {
        guard let asked else { return Cases.some(2, of: UInt64(1)...20) }
        let bounds = asked.split(separator: "-").compactMap { UInt64($0) }
        guard let first = bounds.first, let last = bounds.last, first <= last else { return [] }
        return Array(first...last)
    }()

    /// Some of them wait for other sessions.
    static let countedSeeds: [UInt64] = asked == nil ? Cases.some(1, of: seeds) : seeds

    /// Every second seed reads the delta of all tables in slices.
    private static func shorten(_ options: inout MigrationOptions, pass: Int, seed: UInt64) {
        if pass > 0, seed % 2 == 0 { options.longestTransaction = .milliseconds(3) }
    }

    @Test(arguments: seeds) func `nothing is lost, doubled or stale`(seed: UInt64) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let done = Flag()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for writer in 0..<3 {
                    group.addTask { try await Self.write(pair, seed: seed, writer: writer, until: done) }
                }
                group.addTask { try await Self.holdBack(pair, seed: seed, until: done) }
                defer { done.raise() }
                for pass in 0..<3 {
                    let notes = Notes()
                    let report = try await pair.migration(notes: notes) { Self.shorten(&$0, pass: pass, seed: seed) }
                        .precopy()
                    #expect(report.outcome == .done, "seed \(seed)")
                    #expect(report.transfer.reconciledChunks == 0, "seed \(seed): \(notes.all) \(report.warnings)")
                    try await Task.sleep(for: .milliseconds(100))
                }
                done.raise()
                for try await written in group { #expect(written > 0, "seed \(seed)") }
            }
            // Before the cutover, prepared transactions end and CLUSTER's mark on the index is removed.
            for writer in 0..<3 {
                try await pair.source.session { try await Self.endPrepared(pair, writer, commit: true, $0) }
            }
            try await pair.source.run("ALTER TABLE log SET WITHOUT CLUSTER")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "seed \(seed)\n\(report.text)")
            #expect(try await pair.differingTables() == [], "seed \(seed)")
        }
    }

    // MARK: By counters

    /// What may happen between the last precopy and a cutover that takes counters for evidence.
    private static func event(_ random: inout SplitMix, database: String) -> [String] {
        let (a, b) = (random.next(upTo: 6000), 9000 + random.next(upTo: 1_000_000))
        switch random.next(upTo: 14) {
        case 0: return ["SELECT pg_stat_reset()"]
        case 1: return ["SELECT pg_stat_reset_single_table_counters('log'::regclass)"]
        case 2: return ["SELECT pg_stat_reset_shared('bgwriter')"]
        case 3: return ["BEGIN; INSERT INTO log SELECT \(b) + n, 'r' FROM generate_series(1, 5) n; ROLLBACK"]
        case 4:
            // Old keys that were deleted are used again.
            return ["DELETE FROM t WHERE id = \(a); INSERT INTO t VALUES (\(a), NULL, 'again')"]
        case 5: return ["UPDATE k SET v = v || 'x' WHERE a = \(a % 7)"]
        case 6: return ["INSERT INTO k (a, v) SELECT n, 'x' FROM generate_series(0, 6) n"]
        case 7:
            return [
                """
                CREATE OR REPLACE PROCEDURE often() LANGUAGE plpgsql AS $$ BEGIN
                    FOR n IN 1..4 LOOP INSERT INTO log VALUES (\(b) + n, 'p'); COMMIT; END LOOP; END $$
                """, "CALL often()",
            ]
        case 8:
            return [
                "BEGIN; UPDATE log SET v = 'q' WHERE id % 50 = \(a % 50); PREPARE TRANSACTION 'e\(database)'",
                "COMMIT PREPARED 'e\(database)'",
            ]
        case 9: return ["VACUUM FULL log"]
        case 10: return ["DELETE FROM log WHERE id = \(a)"]
        default:
            return ["INSERT INTO log SELECT \(b) + 10 * n, 'end' FROM generate_series(1, 3) n ON CONFLICT DO NOTHING"]
        }
    }

    @Test(.onceIn(2), .enabled("PostgreSQL 15 and newer", TestServers.areBothSince15), arguments: countedSeeds)
    func `nothing is missed if counters are taken for evidence`(seed: UInt64) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            var random = SplitMix(seed: seed &* 7919)
            func migration() -> Migration { pair.migration { $0.evidence = .counters } }
            let done = Flag()
            try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask { try await Self.write(pair, seed: seed, writer: 1, until: done) }
                defer { done.raise() }
                #expect(try await migration().precopy().outcome == .done, "seed \(seed)")
                done.raise()
                try await group.waitForAll()
            }
            try await pair.source.session { try await Self.endPrepared(pair, 1, commit: true, $0) }
            try await pair.source.run("ALTER TABLE log SET WITHOUT CLUSTER")
            if random.next(upTo: 4) > 0 {
                let migration = pair.migration { Self.shorten(&$0, pass: 1, seed: seed) }
                #expect(try await migration.precopy().outcome == .done, "seed \(seed)")
            }
            try await pair.createRole("counted_writer", "LOGIN")
            try await pair.source.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO counted_writer")
            // A session that stays open, and sometimes in a transaction that has written nothing.
            let application = try TestDatabase(
                pair.source.conninfo.replacing("user=postgres", with: "user=counted_writer"),
                side: .source
            )
            let (stays, sits) = (random.next(upTo: 3) == 0, random.next(upTo: 2) == 0)
            try await application.session { session in
                for _ in 0..<random.next(upTo: 4) {
                    for script in Self.event(&random, database: pair.name) { try await pair.source.run(script) }
                }
                if stays {
                    try await session.run("INSERT INTO log SELECT 5000000 + n, 's' FROM generate_series(1, 2) n")
                }
                if stays, sits {
                    try await session.run("BEGIN; UPDATE t SET v = 's' WHERE id % 500 = 3; COMMIT; BEGIN; SELECT 1")
                }
                let report = try await migration().cutover()
                #expect(report.outcome == .done, "seed \(seed)\n\(report.text)")
                #expect(try await pair.differingTables() == [], "seed \(seed)\n\(report.text)")
            }
        }
    }
}
