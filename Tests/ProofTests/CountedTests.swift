import FoundationEssentials
import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

/// `--evidence counters`: what the servers counted is believed where it shows something, and rows are read where not.
@Suite(.enabled("PostgreSQL 15 and newer", TestServers.areBothSince15))
struct `The counters of rows written` {
    private static let schema = """
        CREATE TABLE rest (id int PRIMARY KEY, v text);
        CREATE TABLE grown (id int PRIMARY KEY, v text);
        CREATE TABLE updated (id int PRIMARY KEY, v text);
        CREATE TABLE spread (id uuid PRIMARY KEY, v text);
        CREATE TABLE part (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE part_cold PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
        CREATE TABLE part_hot PARTITION OF part FOR VALUES FROM ('2025-01-01') TO ('2030-01-01');
        INSERT INTO rest SELECT 2 * n, repeat('r', 200) FROM generate_series(1, 4000) n;
        INSERT INTO grown SELECT 2 * n, repeat('g', 200) FROM generate_series(1, 4000) n;
        INSERT INTO updated SELECT 2 * n, repeat('u', 200) FROM generate_series(1, 4000) n;
        INSERT INTO spread SELECT md5(n::text)::uuid, repeat('s', 200) FROM generate_series(1, 4000) n;
        INSERT INTO part SELECT n, date '2024-01-01' + n % 600 FROM generate_series(1, 4000) n;
        ANALYZE
        """

    private static func migration(_ pair: DatabasePair, _ evidence: Evidence = .counters) -> Migration {
        pair.migration {
            ($0.plan.chunkBytes, $0.plan.wholeBelowBytes) = (64 << 10, 8 << 10)
            $0.evidence = evidence
            // Whether the source was quiet is asked of the counters as well.
            $0.rereadBytes = 0
        }
    }

    private static func prepared(_ pair: DatabasePair) async throws {
        #expect(try await migration(pair).precopy().outcome == .done)
        // Marks of a server on which other tests hold transactions open may not tell; then nothing is proven ahead.
        for _ in 0..<20 {
            let unproven = "SELECT count(*) FROM tidemark.chunk WHERE (proof->>'rows')::bigint IS DISTINCT FROM rows"
            if try await pair.target.value(unproven) == "0" { return }
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await migration(pair).precopy().outcome == .done)
        }
    }

    private static func table(_ name: String, in report: RunReport) -> VerificationResult.ComparedTable? {
        report.verification?.tables.first { $0.name == "public.\(name)" }
    }

    /// The number of the table's pages that were read, once the tool's sessions have ended.
    private static func reads(of table: String, on database: TestDatabase) async throws -> String {
        let sessions = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name ~ '^tidemark [0-9a-f]{8}'
            """
        while try await database.value(sessions) != "0" { try await Task.sleep(for: .milliseconds(20)) }
        return try await database.value("SELECT pg_stat_get_blocks_fetched('\(table)'::regclass)")
    }

    @Test func `spare tables at rest and the old part of a table that only grew`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.prepared(pair)
            try await pair.source.run(
                """
                INSERT INTO grown SELECT 10000 + n, 'new' FROM generate_series(1, 50) n;
                INSERT INTO spread SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'new' FROM generate_series(1, 3) n;
                UPDATE updated SET v = 'u' WHERE id = 4; INSERT INTO part VALUES (9999, '2026-01-01')
                """
            )
            let analyzed = "SELECT pg_stat_get_last_analyze_time('part'::regclass) FROM pg_class LIMIT 1"
            let partitionedAt = try await pair.target.value(analyzed)
            // The server counts what a session has written once it has ended.
            _ = try await Self.reads(of: "rest", on: pair.source)
            let plan = try await Self.migration(pair).plan().text
            #expect(
                plan.contains("cutover --evidence rows reads ") && plan.contains("4 tables written since 20"),
                "\(plan)"
            )
            let before = try await Self.reads(of: "rest", on: pair.source)
            let report = try await Self.migration(pair).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await Self.reads(of: "rest", on: pair.source) == before)
            #expect(try await pair.target.value(analyzed) == partitionedAt && !partitionedAt.isEmpty)
            #expect(try await pair.differingTables() == [], "\(report.text)")
            #expect(report.warnings.allSatisfy { !$0.contains("rows were read") }, "\(report.warnings)")
            for name in ["rest", "part_cold"] {
                let table = Self.table(name, in: report)
                #expect(table?.countedRanges == table?.ranges && table?.countedSince != nil, "\(name) \(report.text)")
            }
            for name in ["grown", "part_hot"] {
                let table = try #require(Self.table(name, in: report))
                #expect((1...2).contains(table.ranges - table.countedRanges), "\(name) \(report.text)")
                #expect(table.sourceRows == table.targetRows)
            }
            #expect(Self.table("grown", in: report)?.targetRows == 4050)
            let spread = try #require(Self.table("spread", in: report))
            #expect(spread.ranges > 2 && spread.ranges - spread.countedRanges == 1, "\(report.text)")
            #expect(spread.targetRows == 4003)
            #expect(Self.table("updated", in: report)?.countedRanges == 0)
            #expect(report.text.contains("proven before and not read: by the counters of both"), "\(report.text)")
        }
    }

    /// A base copied by slices leaves rows to the next delta whose transactions had not ended for certain at its mark.
    @Test(arguments: [Evidence.counters, .declared])
    func `do not hide what a base of scattered keys has left out`(evidence: Evidence) async throws {
        try await DatabasePair.with("CREATE TABLE other (id int)") { pair in
            var migration = Self.migration(pair, evidence)
            if evidence == .declared {
                migration.options.plan.immutableBelow[QualifiedName(schema: "public", name: "spread")] =
                    "80000000-0000-0000-0000-000000000000"
            }
            try await pair.source.session { old in
                // Any transaction of the server, in any database, keeps the oldest id back.
                try await old.run("BEGIN; INSERT INTO other VALUES (1)")
                try await pair.source.run(
                    """
                    CREATE TABLE spread (id uuid PRIMARY KEY, v text);
                    INSERT INTO spread SELECT md5(n::text)::uuid, repeat('s', 200) FROM generate_series(1, 4000) n;
                    ANALYZE
                    """
                )
                #expect(try await migration.precopy().outcome == .done)
                try await old.run("COMMIT")
            }
            let report = try await migration.cutover()
            #expect(try await pair.differingTables() == [], "\(report.text)")
            #expect(report.outcome == (evidence == .declared ? .notProven : .done), "\(report.text)")
        }
    }

    /// A cutover that takes longer has a session of its own that watches for locks.
    @Test func `do not wait for the session that watches for locks`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.prepared(pair)
            try await ThreadConfined.with(pair.target.endpoint, purpose: "tidemark watch") { watch in
                try await watch.run { try $0.execute("SELECT 1") }
                let report = try await Self.migration(pair).cutover()
                #expect(report.outcome == .done, "\(report.text)")
                let rest = Self.table("rest", in: report)
                #expect(rest?.countedRanges == rest?.ranges, "\(report.text)")
            }
        }
    }

    /// A false declaration is found by the first comparison that reads the rows.
    @Test func `are not needed for what is declared immutable, which is then not proven`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            func migration(_ evidence: Evidence) -> Migration {
                var migration = Self.migration(pair, evidence)
                migration.options.plan.immutableBelow[QualifiedName(schema: "public", name: "updated")] = "6000"
                return migration
            }
            #expect(try await migration(.declared).precopy().outcome == .done)
            try await pair.source.run(
                "UPDATE updated SET v = 'false' WHERE id = 4; UPDATE updated SET v = 'u' WHERE id = 7000"
            )
            let report = try await migration(.declared).cutover()
            #expect(report.outcome == .notProven, "\(report.text)")
            let trusted = report.verification?.notProven.filter { $0.contains("public.updated are declared immutable") }
            #expect(trusted?.count == 1 && report.verification?.notProven.count == 1, "\(report.text)")
            #expect(try await pair.target.value("SELECT v FROM updated WHERE id = 7000") == "u")
            let verified = try await migration(.rows).verify()
            #expect(verified.outcome == .differs && verified.text.contains("public.updated"), "\(verified.text)")
            try await pair.source.run("UPDATE updated SET v = repeat('u', 200) WHERE id = 4")
            #expect(try await migration(.rows).verify().outcome == .done)
        }
    }

    /// What was done on the source since, and what makes the counters unable to show it.
    struct Trick: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Each in a transaction of its own.
        let scripts: [String]

        init(_ name: String, _ scripts: String...) {
            testDescription = name
            self.scripts = scripts
        }
    }

    static let tricks = [
        Trick(
            "a reset of one table, and as many rows again",
            "DELETE FROM rest",
            "SELECT pg_stat_reset_single_table_counters('rest'::regclass)",
            "INSERT INTO rest SELECT 2 * n, 'other' FROM generate_series(1, 4000) n"
        ),
        Trick(
            "a reset of the database, and as many rows again",
            "DELETE FROM rest",
            "SELECT pg_stat_reset()",
            "INSERT INTO rest SELECT 2 * n, 'other' FROM generate_series(1, 4000) n"
        ),
        Trick(
            "a table that was emptied and filled again",
            """
            TRUNCATE rest; INSERT INTO rest SELECT 2 * n, 'other' FROM generate_series(1, 4000) n
            """
        ),
        Trick(
            "rows in an old gap, and as many that were rolled back at the end",
            """
            INSERT INTO grown SELECT 2 * n + 1, 'gap' FROM generate_series(1, 5) n;
            BEGIN; INSERT INTO grown SELECT 20000 + n, 'end' FROM generate_series(1, 5) n; ROLLBACK
            """
        ),
        Trick(
            "rows in an old gap, and as many at the end",
            """
            INSERT INTO grown SELECT 2 * n + 1, 'gap' FROM generate_series(1, 5) n;
            INSERT INTO grown SELECT 20000 + n, 'end' FROM generate_series(1, 5) n
            """
        ),
        Trick("a row that moved to another partition", "UPDATE part SET at = '2026-05-05' WHERE id = 3"),
        Trick(
            "an update that was rolled back, and one that was not",
            """
            BEGIN; UPDATE rest SET v = 'a'; ROLLBACK; UPDATE rest SET v = 'b' WHERE id = 10
            """
        ),
        Trick("a table that was rewritten", "UPDATE rest SET v = 'c' WHERE id = 6; CLUSTER rest USING rest_pkey"),
        Trick(
            "another table under its name",
            """
            ALTER TABLE rest RENAME TO former; CREATE TABLE rest (id int PRIMARY KEY, v text);
            INSERT INTO rest SELECT 2 * n, repeat('r', 200) FROM generate_series(1, 4000) n
            """
        ),
    ]

    @Test(arguments: Cases.some(2, of: tricks)) func `are not believed after`(_ trick: Trick) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.prepared(pair)
            for script in trick.scripts { try await pair.source.run(script) }
            let report = try await Self.migration(pair).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [], "\(report.text)")
        }
    }

    /// Its session hands in what it counted only when it becomes idle outside a transaction.
    @Test(.onceIn(2)) func `are not believed while a session that has written sits in a transaction`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.prepared(pair)
            // A superuser's session would not be believed anyway: it may have turned counting off.
            try await pair.createRole("counted_writer", "LOGIN")
            try await pair.source.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO counted_writer")
            let application = try TestDatabase(
                pair.source.conninfo.replacing("user=postgres", with: "user=counted_writer"),
                side: .source
            )
            try await application.session { session in
                try await session.run("BEGIN; SELECT count(*) FROM pg_class")
                try await session.run("UPDATE rest SET v = 'kept back' WHERE id = 100; COMMIT; BEGIN; SELECT 1")
                let report = try await Self.migration(pair).cutover()
                #expect(report.outcome == .done, "\(report.text)")
                #expect(report.warnings.contains { $0.contains("rows were read, because sessions that were not idle") })
            }
            #expect(try await pair.differingTables() == [])
        }
    }

    /// What is written after a chunk was read must be counted after the counters were.
    @Test func `are read before the rows`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let plain = Self.migration(pair)
            let migration = Migration(source: plain.source, target: plain.target, options: plain.options) { event in
                guard case .phaseBegan(.analyze) = event else { return }
                _ = pair.source.runAtOnce("UPDATE public.rest SET v = 'late' WHERE id = 100")
            }
            #expect(try await migration.precopy().outcome == .done)
            #expect(try await pair.target.value("SELECT v FROM rest WHERE id = 100") != "late")
            let report = try await Self.migration(pair).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [], "\(report.text)")
        }
    }

    /// Rows of transactions that were visible before the counters were read are not among those counted since.
    @Test func `are compared with new rows only`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.session { old in
                // It keeps the oldest transaction id of all snapshots back.
                try await old.run("BEGIN; INSERT INTO updated VALUES (1, 'old')")
                try await pair.source.run("INSERT INTO grown SELECT 20000 + n, 'end' FROM generate_series(1, 5) n")
                #expect(try await Self.migration(pair).precopy().outcome == .done)
                try await old.run("COMMIT")
            }
            try await pair.source.run("INSERT INTO grown SELECT 2 * n + 1, 'gap' FROM generate_series(1, 5) n")
            let report = try await Self.migration(pair).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [], "\(report.text)")
        }
    }

    @Test func `spare the target's tables at rest when a cutover is repeated, and show others' writes`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.prepared(pair)
            // Under load a session may not come to rest in time; then rows are read, which is right.
            var pages: [Int] = []
            for round in 1...4 where round <= 2 || pages.dropFirst().allSatisfy({ $0 >= 20 }) {
                try await pair.source.run(
                    "INSERT INTO grown SELECT 10000 * \(round) + n, 'new' FROM generate_series(1, 9) n"
                )
                let before = Int(try await Self.reads(of: "rest", on: pair.target)) ?? 0
                let report = try await Self.migration(pair).cutover()
                #expect(report.outcome == .done, "\(report.text)")
                let table = try #require(Self.table("rest", in: report))
                #expect(table.countedRanges == table.ranges, "round \(round) \(report.text)")
                // The INSERT that is tried reads a row.
                let after = Int(try await Self.reads(of: "rest", on: pair.target)) ?? 0
                pages.append(after - before)
                #expect(try await pair.differingTables() == [], "\(report.text)")
            }
            #expect(pages.dropFirst().contains { $0 < 20 }, "\(pages)")
            try await pair.target.run("DELETE FROM rest WHERE id = 8")
            try await pair.source.run("INSERT INTO grown VALUES (90000, 'late')")
            let error = await #expect(throws: LedgerError.self) { try await Self.migration(pair).cutover() }
            #expect(error?.code == .targetWritten && error?.message.contains("public.rest") == true)
            #expect(error?.message.contains("public.grown") == false, "\(String(describing: error))")
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                "DELETE FROM rest WHERE id = 8", "UPDATE rest SET v = 'x' WHERE id = 8",
                "INSERT INTO rest VALUES (9, 'x')",
                "DELETE FROM rest WHERE id = 8; SELECT pg_stat_force_next_flush(); SELECT pg_stat_reset()",
                "BEGIN; DELETE FROM rest WHERE id = 8; INSERT INTO rest VALUES (8, 'x'); COMMIT",
            ]
        )
    )
    func `show what others wrote to the target`(_ write: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.prepared(pair)
            try await pair.target.run(write)
            let report = try await Self.migration(pair).cutover()
            #expect(report.outcome == .differs, "\(report.text)")
            #expect(report.verification?.findings.contains { $0.object.hasPrefix("public.rest") } == true)
        }
    }

    @Test(.onceIn(3)) func `are not believed while a session that has written to the target sits in a transaction`()
        async throws
    {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.prepared(pair)
            try await pair.target.session { session in
                try await session.run("BEGIN; SELECT 1")
                try await session.run("DELETE FROM rest WHERE id = 8; COMMIT; BEGIN; SELECT 1")
                let report = try await Self.migration(pair).cutover()
                #expect(report.outcome == .differs, "\(report.text)")
            }
        }
    }
}
