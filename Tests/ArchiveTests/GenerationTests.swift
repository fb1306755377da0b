import FoundationEssentials
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `An archive` {
    private static let schema = """
        CREATE TABLE t (id bigserial PRIMARY KEY, a int, v text);
        INSERT INTO t (a, v) SELECT n, E'tab\\there, newline\\n, back\\\\slash ' || n FROM generate_series(1, 3000) n;
        CREATE INDEX ON t (a);
        CREATE TABLE u (id int PRIMARY KEY, u int UNIQUE, v text);
        INSERT INTO u SELECT n, n, repeat('u', 60) FROM generate_series(1, 2000) n;
        CREATE TABLE "Text Key" (k text, part int, v bytea, PRIMARY KEY (k, part));
        INSERT INTO "Text Key" SELECT E'k\\t' || n % 700, n, decode(md5(n::text), 'hex') FROM generate_series(1, 2000) n;
        CREATE TABLE keyless (v text, n numeric); INSERT INTO keyless SELECT 'v', n / 3.0 FROM generate_series(1, 500) n;
        CREATE TABLE child (id int PRIMARY KEY, t bigint REFERENCES t ON DELETE CASCADE, g int GENERATED ALWAYS AS (id * 2) STORED);
        INSERT INTO child (id, t) SELECT n, n FROM generate_series(1, 800) n;
        CREATE TABLE part (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE part_a PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE part_b PARTITION OF part DEFAULT;
        INSERT INTO part SELECT n, date '2024-11-01' + n % 200, repeat('p', 50) FROM generate_series(1, 2000) n;
        CREATE VIEW seen AS SELECT id, a FROM t; CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM t;
        CREATE TABLE never (id int PRIMARY KEY); COMMENT ON TABLE t IS 'It''s';
        ANALYZE
        """

    /// Writes that an application may make between two dumps.
    private static func writes(_ random: inout SplitMix, generation: Int) -> String {
        let (at, bound) = (random.next(upTo: 3000), random.next(upTo: 40))
        let all = [
            "INSERT INTO t (a, v) SELECT -n, 'new \(generation)' FROM generate_series(1, \(bound)) n",
            "UPDATE t SET v = 'changed \(generation)' WHERE id BETWEEN \(at) AND \(at + bound)",
            "DELETE FROM t WHERE id BETWEEN \(at) AND \(at + bound)",
            "UPDATE u SET u = -u WHERE id BETWEEN \(at) AND \(at + bound)",
            "BEGIN; UPDATE u SET u = 100000 + id WHERE id IN (10, 1900); UPDATE u SET u = CASE id WHEN 10 THEN 1900 + \(generation) * 1000000 ELSE 10 + \(generation) * 1000000 END WHERE id IN (10, 1900); COMMIT",
            "DELETE FROM \"Text Key\" WHERE part % 211 = \(generation)",
            "UPDATE \"Text Key\" SET part = part + 100000 WHERE k = E'k\\t\(bound)' AND part < 100000",
            "INSERT INTO keyless VALUES ('more', \(at))", "UPDATE child SET t = NULL WHERE id = \(at)",
            "UPDATE part SET at = at + 100 WHERE id BETWEEN \(at) AND \(at + bound)",
            "DELETE FROM part WHERE id % 97 = \(bound)",
            "BEGIN; SAVEPOINT s; INSERT INTO t (v) VALUES ('savepoint'); RELEASE s; COMMIT",
            "BEGIN; DELETE FROM t WHERE id < 2000; ROLLBACK", "REFRESH MATERIALIZED VIEW counted",
        ]
        return (0..<6).map { _ in all[random.next(upTo: all.count)] }.joined(separator: "; ")
    }

    @Test(.onceIn(2)) func `keeps the key of its chunks, even if its index grows or is renamed`() async throws {
        let schema = """
            CREATE TABLE t (a bigint NOT NULL, b bigint NOT NULL, v text);
            INSERT INTO t SELECT n, n, repeat(md5(n::text), 2) FROM generate_series(1, 6000) n;
            CREATE UNIQUE INDEX t_1 ON t (a); CREATE UNIQUE INDEX t_2 ON t (b); ANALYZE t
            """
        try await DatabasePair.with(schema) { pair in
            try await TestArchive.with(pair) { test in
                try await pair.source.untilMarksTell()
                _ = try await test.archive().dump(from: pair.source.endpoint)
                try await pair.source.run(
                    """
                    DO $$ BEGIN
                        FOR n IN 1..400 LOOP
                            UPDATE t SET a = a + 100000 * n WHERE b % 300 = 0;
                            UPDATE t SET a = a - 100000 * n WHERE b % 300 = 0;
                        END LOOP;
                    END $$
                    """,
                    "REINDEX INDEX t_2"
                )
                try await pair.source.untilMarksTell()
                let grown = try await test.archive().dump(from: pair.source.endpoint)
                #expect(grown.transfer.rows == 20, "\(grown.text)")
                try await pair.source.run("ALTER INDEX t_1 RENAME TO t_9; UPDATE t SET v = 'seven' WHERE b = 7")
                let renamed = try await test.archive().dump(from: pair.source.endpoint)
                #expect(renamed.transfer.rows == 1, "\(renamed.text)")
                let restored = try await test.archive().restore(to: pair.target.endpoint)
                #expect(restored.outcome == .done, "\(restored.text)")
                #expect(try await pair.target.contents() == pair.source.contents())
            }
        }
    }

    @Test(.onceIn(3)) func `restores any of its generations, at once or one by one`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                var random = SplitMix(seed: 7)
                var states: [[String: [String]]] = []
                var reports: [RunReport] = []
                for generation in 0...5 {
                    if generation > 0 { try await pair.source.run(Self.writes(&random, generation: generation)) }
                    reports.append(try await test.archive().dump(from: pair.source.endpoint))
                    states.append(try await pair.source.contents())
                }
                #expect(reports.allSatisfy { $0.outcome == .done })
                #expect(
                    reports[1...].allSatisfy {
                        $0.transfer.unchangedChunks > 0 && $0.transfer.rows < reports[0].transfer.rows
                    }
                )
                try await test.archive().check()
                for generation in 0...5 {
                    try await test.withEmptyTarget("at_\(generation)") { target in
                        let report = try await test.archive().restore(to: target.endpoint, until: generation)
                        #expect(report.outcome == .done, "\(report.text)")
                        #expect(try await target.contents() == states[generation], "generation \(generation)")
                        #expect(report.verification?.findings == [])
                    }
                }
                // Restores the base and each delta ahead, then finishes with the last one.
                try await test.withEmptyTarget("ahead") { target in
                    for generation in 0...4 {
                        let ahead = try await test.archive().restore(
                            to: target.endpoint,
                            until: generation,
                            isAhead: true
                        )
                        #expect(ahead.outcome == .done, "\(ahead.text)")
                        #expect(try await target.contents() == states[generation], "generation \(generation)")
                    }
                    #expect(
                        try await target.value("SELECT count(*) FROM pg_index WHERE indrelid = 'u'::regclass") == "2"
                    )
                    let last = try await test.archive().restore(to: target.endpoint)
                    #expect(last.outcome == .done, "\(last.text)")
                    #expect(try await target.contents() == states[5])
                    await #expect(throws: (any Error).self) {
                        _ = try await test.archive().restore(to: target.endpoint, until: 3)
                    }
                }
                try await self.expectRows(of: test, states)
                try await self.expectMerged(test, states)
            }
        }
    }

    /// Merges the base and its deltas into a new base, and checks that the next dump is a delta to it.
    private func expectMerged(_ test: TestArchive, _ states: [[String: [String]]]) async throws {
        try await TestArchive.with(test.pair) { other in
            let report = try await test.archive().merge(into: other.path, until: 4)
            #expect(report.outcome == .done)
            try await other.archive().check()
            try await other.withEmptyTarget("merged") { target in
                let restored = try await other.archive().restore(to: target.endpoint, isAhead: true)
                #expect(restored.outcome == .done, "\(restored.text)")
                #expect(try await target.contents() == states[4])
                // The delta holds the writes after the fourth generation.
                let delta = try await other.archive().dump(from: test.pair.source.endpoint)
                #expect(delta.transfer.unchangedChunks > 0)
                let done = try await other.archive().restore(to: target.endpoint)
                #expect(done.outcome == .done, "\(done.text)")
                #expect(try await target.contents() == states[5])
            }
            await #expect(throws: (any Error).self) { _ = try await test.archive().merge(into: other.path) }
        }
    }

    /// Assembles each table from the files alone and loads it by hand.
    private func expectRows(of test: TestArchive, _ states: [[String: [String]]]) async throws {
        try await test.withEmptyTarget("by_hand") { target in
            try await target.run(
                "CREATE TABLE t (id bigint, a int, v text)",
                "CREATE TABLE \"Text Key\" (k text, part int, v bytea)"
            )
            for generation in 0...5 {
                for (name, table) in [("t", "public.t"), ("Text Key", "public.\"Text Key\"")] {
                    var copy = ""
                    try test.archive().read(QualifiedName(schema: "public", name: ServerText(name)), at: generation) {
                        row in
                        copy += String(decoding: row, as: UTF8.self)
                    }
                    let file = test.path + "-rows"
                    try Data(copy.utf8).write(to: URL(fileURLWithPath: file))
                    defer { try? FileManager.default.removeItem(atPath: file) }
                    try await target.run("TRUNCATE \(table)")
                    let loaded = try await Command.tool(
                        "psql",
                        [
                            target.conninfo, "--quiet", "--set=ON_ERROR_STOP=1",
                            "--command=\\copy \(table) FROM '\(file)'",
                        ]
                    )
                    #expect(loaded.code == 0, "\(loaded.errors)")
                    let key = table.hasSuffix("\"") ? "public.\"Text Key\"" : "public.t"
                    #expect(
                        try await target.column("SELECT t::text FROM \(table) t ORDER BY t::text COLLATE \"C\"")
                            == states[generation][key]
                    )
                }
            }
        }
    }

    @Test func `holds files that zstd and psql can restore, and definitions that pg_restore can read`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                let folder = "\(test.path)/generation-000000"
                let listing = try await Command.tool("pg_restore", ["--list", "\(folder)/00000001.dump"])
                #expect(listing.code == 0 && listing.output.contains("TABLE public t "))
                let manifest = try JSONDecoder().decode(
                    ByHand.self,
                    from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/manifest.json"))
                )
                let table = try #require(manifest.tables.first { $0.name == "u" })
                try await test.withEmptyTarget("psql") { target in
                    try await target.run("CREATE TABLE u (id int, u int, v text)")
                    for chunk in table.chunks {
                        for file in chunk.written {
                            let loaded = try await Command.program(
                                "bash",
                                [
                                    "-c",
                                    "set -o pipefail; zstd -dc '\(folder)/\(file.name)' | psql '\(target.conninfo)' -qc 'COPY u (\(table.columns.joined(separator: ", "))) FROM STDIN'",
                                ]
                            )
                            #expect(loaded.code == 0, "\(loaded.errors)")
                        }
                    }
                    let rows = "SELECT t::text FROM u t ORDER BY t::text COLLATE \"C\""
                    #expect(try await target.column(rows) == pair.source.column(rows))
                }
            }
        }
    }

    private struct ByHand: Decodable {
        struct Table: Decodable {
            let name: String
            let columns: [String]
            let chunks: [Chunk]
        }
        struct Chunk: Decodable { let written: [File] }
        struct File: Decodable { let name: String }
        let tables: [Table]
    }

    @Test func `is consistent when that is requested`() async throws {
        let schema = """
            CREATE TABLE account (id int PRIMARY KEY, balance int, pad text);
            INSERT INTO account SELECT n, 100, repeat('p', 200) FROM generate_series(1, 3000) n;
            CREATE TABLE entry (id bigserial PRIMARY KEY, account int REFERENCES account, amount int)
            """
        try await DatabasePair.with(schema) { pair in
            try await TestArchive.with(pair) { test in
                let isOver = Flag()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var n = 0
                        while !isOver.isRaised {
                            n += 1
                            try await pair.source.run(
                                "BEGIN; UPDATE account SET balance = balance - 1 WHERE id = \(1 + n % 3000); UPDATE account SET balance = balance + 1 WHERE id = \(1 + (n * 7) % 3000); INSERT INTO entry (account, amount) VALUES (\(1 + n % 3000), 1); COMMIT"
                            )
                        }
                    }
                    for _ in 0...2 {
                        let report = try await test.archive { $0.isConsistent = true }.dump(from: pair.source.endpoint)
                        #expect(report.outcome == .done)
                    }
                    isOver.raise()
                    try await group.waitForAll()
                }
                for generation in 0...2 {
                    try await test.withEmptyTarget("consistent_\(generation)") { target in
                        let report = try await test.archive().restore(to: target.endpoint, until: generation)
                        #expect(report.outcome == .done && report.warnings == [], "\(report.text)")
                        #expect(try await target.value("SELECT sum(balance) FROM account") == "300000")
                    }
                }
            }
        }
    }

    @Test(.onceIn(2)) func `follows tables that are new, dropped, changed, or copied to another server`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                try await pair.source.run(
                    "DROP TABLE keyless; CREATE TABLE fresh (id int PRIMARY KEY, v text); INSERT INTO fresh VALUES (1, 'x')",
                    "ALTER TABLE t ADD COLUMN later int DEFAULT 7; ALTER TABLE \"Text Key\" RENAME TO renamed; TRUNCATE part"
                )
                let second = try await test.archive().dump(from: pair.source.endpoint)
                #expect(second.outcome == .done)
                try await test.withEmptyTarget("changed") { target in
                    let report = try await test.archive().restore(to: target.endpoint)
                    #expect(report.outcome == .done, "\(report.text)")
                    #expect(try await target.contents() == pair.source.contents())
                }
                try await test.withEmptyTarget("base") { target in
                    _ = try await test.archive().restore(to: target.endpoint, until: 0, isAhead: true)
                    let report = try await test.archive().restore(to: target.endpoint)
                    #expect(report.outcome == .done, "\(report.text)")
                    #expect(try await target.contents() == pair.source.contents())
                }
                await #expect(throws: (any Error).self) {
                    _ = try await test.archive().dump(from: pair.target.endpoint)
                }
            }
        }
    }

    @Test func `holds large objects, and in a delta only new or changed ones`() async throws {
        let objects =
            "SELECT m.oid::text || ' ' || md5(lo_get(m.oid)) || coalesce(obj_description(m.oid, 'pg_largeobject'), '') FROM pg_largeobject_metadata m ORDER BY m.oid"
        try await DatabasePair.with(
            """
            SELECT lo_from_bytea(5000 + n, convert_to(repeat(md5(n::text), n), 'UTF8')) FROM generate_series(1, 450) n;
            SELECT lo_from_bytea(9000, decode(repeat('00ff5c0a', 262144), 'hex')); SELECT lo_create(9001);
            SELECT lo_from_bytea(9002, decode(repeat('ab', 3000000), 'hex')); COMMENT ON LARGE OBJECT 9000 IS 'exactly a page'
            """
        ) { pair in
            try await TestArchive.with(pair) { test in
                let base = try await test.archive().dump(from: pair.source.endpoint)
                #expect(base.transfer.largeObjects == 453)
                let first = try await pair.source.column(objects)
                try await pair.source.run(
                    "SELECT lo_unlink(5007); SELECT lo_put(5009, 3, 'changed'); SELECT lo_from_bytea(9500, 'new'); COMMENT ON LARGE OBJECT 5010 IS 'told'"
                )
                let delta = try await test.archive().dump(from: pair.source.endpoint)
                #expect(delta.transfer.largeObjects == 2)
                try await test.archive().check()
                try await test.withEmptyTarget("objects") { target in
                    let report = try await test.archive().restore(to: target.endpoint, until: 0, isAhead: true)
                    #expect(report.transfer.largeObjects == 453)
                    #expect(try await target.column(objects) == first)
                    let done = try await test.archive().restore(to: target.endpoint)
                    #expect(done.outcome == .done, "\(done.text)")
                    #expect(done.transfer.largeObjects == 3 && done.transfer.removedLargeObjects == 1)
                    #expect(try await target.column(objects) == pair.source.column(objects))
                    try await TestArchive.with(pair) { merged in
                        _ = try await test.archive().merge(into: merged.path)
                        #expect(try await merged.archive().verify(target.endpoint).outcome == .done)
                        try await test.withEmptyTarget("merged_objects") { other in
                            let of = try await merged.archive().restore(to: other.endpoint)
                            #expect(of.outcome == .done, "\(of.text)")
                            #expect(try await other.column(objects) == pair.source.column(objects))
                        }
                    }
                    try await target.run("SELECT lo_put(9002, 2999999, 'x'); SELECT lo_unlink(5001)")
                    let found = try await test.archive().verify(target.endpoint).verification?.findings ?? []
                    #expect(
                        Set(found.map { "\($0.code) \($0.object)" }) == [
                            "large-object.content 9002", "large-object.missing 5001",
                        ]
                    )
                }
            }
        }
    }

    @Test func `proves a database without its source`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                _ = try await pair.migration().precopy()
                #expect(try await pair.migration().cutover().outcome == .done)
                let equal = try await test.archive().verify(pair.target.endpoint)
                #expect(equal.outcome == .done, "\(equal.text)")
                try await pair.target.run(
                    "UPDATE t SET a = 0 WHERE id = 17; ALTER TABLE u DROP CONSTRAINT u_u_key; DROP VIEW seen"
                )
                let differs = try await test.archive().verify(pair.target.endpoint)
                #expect(differs.outcome == .differs)
                let codes = Set(differs.verification?.findings.map { "\($0.code) \($0.object)" } ?? [])
                #expect(codes.contains("rows.differ public.t"), "\(codes)")
                #expect(codes.contains("unique-constraint.missing public.u_u_key on public.u"))
                #expect(codes.contains("view.missing public.seen"))
            }
        }
    }

    /// An interrupted restore has not recorded its pass.
    @Test(arguments: Cases.some(1, of: [false, true]))
    func `is a base that a cutover from the source brings up to date`(_ isBrokenOff: Bool) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.untilMarksTell()
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                _ = try await test.archive().restore(to: pair.target.endpoint, isAhead: true)
                if isBrokenOff { try await pair.target.run("UPDATE tidemark.run SET pass = 0") }
                var random = SplitMix(seed: 3)
                try await pair.source.run(Self.writes(&random, generation: 1))
                let report = try await pair.migration().cutover()
                #expect(report.outcome == .done, "\(report.text)")
                #expect(try await pair.differingTables() == [])
                #expect(report.transfer.rows < 3000)
            }
        }
    }
}
