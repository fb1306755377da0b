import Planning
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `A target at an earlier generation` {
    private static let schema = """
        CREATE TYPE mood AS ENUM ('low', 'high');
        CREATE TABLE t (id bigserial PRIMARY KEY, a int, m mood DEFAULT 'low', gone text DEFAULT 'gone');
        INSERT INTO t (a) SELECT n FROM generate_series(1, 3000) n; CREATE INDEX t_a ON t (a);
        CREATE TABLE steady (id int PRIMARY KEY, v text);
        CREATE TABLE widened (id int PRIMARY KEY, v varchar(5)); INSERT INTO widened SELECT n, 'w' FROM generate_series(1, 900) n;
        INSERT INTO steady SELECT n, repeat('s', 80) FROM generate_series(1, 3000) n;
        CREATE TABLE old_name (id int PRIMARY KEY, v text);
        INSERT INTO old_name SELECT n, repeat('o', 80) FROM generate_series(1, 2000) n;
        CREATE TABLE leaving (id int PRIMARY KEY, v text); INSERT INTO leaving VALUES (1, 'leaves');
        CREATE TABLE rebuilt (id int PRIMARY KEY, v text);
        INSERT INTO rebuilt SELECT n, 'before' FROM generate_series(1, 50) n;
        CREATE VIEW seen AS SELECT id, a FROM t;
        CREATE TABLE part (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE part_a PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        INSERT INTO part SELECT n, date '2024-01-01' + n % 300 FROM generate_series(1, 1500) n;
        ANALYZE
        """
    /// Changes that people make to a database between a base and the cutover.
    private static let changes = """
        ALTER TYPE mood ADD VALUE 'middle' BEFORE 'high';
        ALTER TABLE t ADD COLUMN extra int NOT NULL DEFAULT 7;
        ALTER TABLE t DROP COLUMN gone; ALTER TABLE widened ALTER COLUMN id TYPE bigint;
        """
    private static let moreChanges = """
        UPDATE t SET m = 'middle' WHERE id % 500 = 0; DELETE FROM t WHERE id % 700 = 0;
        INSERT INTO t (a) SELECT n FROM generate_series(1, 400) n;
        DROP INDEX t_a; CREATE INDEX t_a ON t (a DESC); CREATE INDEX t_extra ON t (extra) WHERE extra > 7;
        UPDATE steady SET v = 'changed' WHERE id % 900 = 0;
        ALTER TABLE old_name RENAME TO new_name; UPDATE new_name SET v = 'renamed' WHERE id = 7;
        DROP TABLE leaving; DROP TABLE rebuilt;
        CREATE TABLE rebuilt (id int PRIMARY KEY, v text, w int); INSERT INTO rebuilt VALUES (1, 'after', 2);
        CREATE TABLE newcomer (id int PRIMARY KEY, t bigint REFERENCES t); INSERT INTO newcomer VALUES (1, 5), (2, 6);
        DROP VIEW seen; CREATE VIEW seen AS SELECT id, a, extra FROM t;
        CREATE TABLE part_b PARTITION OF part FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        INSERT INTO part SELECT n, date '2025-01-01' + n % 300 FROM generate_series(2001, 2100) n
        """

    @Test func `follows changes of definitions`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                try await pair.source.untilMarksTell()
                _ = try await test.archive().dump(from: pair.source.endpoint)
                let ahead = try await test.archive().restore(to: pair.target.endpoint, isAhead: true)
                #expect(ahead.outcome == .done, "\(ahead.text)")
                let untouched = try await pair.target.value("SELECT max(xmin::text::bigint) FROM steady WHERE id < 800")

                try await pair.source.run(Self.changes)
                try await pair.source.run(Self.moreChanges)
                let delta = try await test.archive().dump(from: pair.source.endpoint)
                #expect(delta.outcome == .done)
                try await test.archive().check()
                let last = try await test.archive().restore(to: pair.target.endpoint)
                #expect(last.outcome == .done, "\(last.text)")
                #expect(last.verification?.findings == [])
                #expect(try await pair.target.contents() == pair.source.contents())
                for wanted in ["public.t", "public.new_name", "public.newcomer", "public.rebuilt"] {
                    #expect(last.warnings.contains { $0.contains("followed") && $0.contains(wanted) }, "\(wanted)")
                }
                // Unchanged tables are not copied again.
                #expect(
                    try await pair.target.value("SELECT max(xmin::text::bigint) FROM steady WHERE id < 800")
                        == untouched
                )
                try await pair.target.run("INSERT INTO t (a) VALUES (-5)")
                #expect(try await pair.target.value("SELECT extra FROM t WHERE a = -5") == "7")
            }
        }
    }

    @Test(arguments: [false, true])
    func `updates rows whose enum labels were renamed`(isAhead: Bool) async throws {
        try await DatabasePair.with(
            """
            CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TABLE t (id int PRIMARY KEY, m mood);
            INSERT INTO t SELECT n, 'low' FROM generate_series(1, 3000) n; ANALYZE t
            """
        ) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                if isAhead { _ = try await test.archive().restore(to: pair.target.endpoint, isAhead: true) }
                try await pair.source.run(
                    "ALTER TYPE mood RENAME VALUE 'low' TO 'new'; ALTER TYPE mood ADD VALUE 'low' BEFORE 'new'",
                    "INSERT INTO t VALUES (5000, 'low')"
                )
                _ = try await test.archive().dump(from: pair.source.endpoint)
                let report = try await test.archive().restore(to: pair.target.endpoint)
                #expect(report.outcome == .done, "\(report.text)")
                #expect(try await pair.target.contents() == pair.source.contents())
            }
        }
    }

    @Test func `accepts a table that was divided into new chunks`() async throws {
        let schema =
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('v', 90) FROM generate_series(1, 3000) n; ANALYZE"
        try await DatabasePair.with(schema) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                _ = try await test.archive().restore(to: pair.target.endpoint, isAhead: true)
                let chunks = "SELECT count(*) FROM tidemark.chunk"
                let before = Int(try await pair.target.value(chunks)) ?? 0
                // With a new column, the whole table is dumped again and divided by its present size.
                try await pair.source.run(
                    "ALTER TABLE t ADD COLUMN w int DEFAULT 1; INSERT INTO t SELECT n, repeat('w', 90) FROM generate_series(3001, 12000) n; ANALYZE"
                )
                _ = try await test.archive().dump(from: pair.source.endpoint)
                let report = try await test.archive().restore(to: pair.target.endpoint)
                #expect(report.outcome == .done, "\(report.text)")
                #expect(Int(try await pair.target.value(chunks)) ?? 0 > before)
                #expect(try await pair.target.contents() == pair.source.contents())
            }
        }
    }
}
