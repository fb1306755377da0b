import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `A partition` {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: String
        let proof: String

        init(_ name: String, _ change: String, proof: String = tree) {
            testDescription = name
            self.change = change
            self.proof = proof
        }
    }

    /// Two levels of partitions, a plain table, and rows everywhere.
    private static let schema = """
        CREATE TABLE m (id bigint, at date NOT NULL, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2024-02-01') TO ('2024-03-01') PARTITION BY LIST (id);
        CREATE TABLE m_2_low PARTITION OF m_2 FOR VALUES IN (1, 2, 3);
        CREATE TABLE m_2_rest PARTITION OF m_2 DEFAULT PARTITION BY HASH (id);
        CREATE TABLE m_2_rest_0 PARTITION OF m_2_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE m_2_rest_1 PARTITION OF m_2_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO m SELECT n, date '2024-01-01' + (n % 60)::int, 'v' || n FROM generate_series(1, 3000) n;
        CREATE INDEX m_v ON m (v);
        CREATE TABLE old (id bigint, at date NOT NULL, v text, PRIMARY KEY (id, at));
        INSERT INTO old SELECT n, date '2023-12-01' + (n % 30)::int, 'old' || n FROM generate_series(1, 800) n;
        ANALYZE;
        """
    private static let tree = """
        SELECT string_agg(format('%s %s %s', c.relname, i.inhparent::regclass, pg_get_expr(c.relpartbound, c.oid)), ';'
                          ORDER BY c.relname)
        FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE c.relkind IN ('r', 'p')
        """

    static let cases = [
        Case(
            "that is added",
            """
            CREATE TABLE m_3 PARTITION OF m FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
            INSERT INTO m SELECT n, '2024-03-05', 'new' FROM generate_series(4000, 4400) n
            """
        ),
        Case(
            "that is itself partitioned, and added",
            """
            CREATE TABLE m_3 PARTITION OF m FOR VALUES FROM ('2024-03-01') TO ('2024-04-01') PARTITION BY HASH (id);
            CREATE TABLE m_3_0 PARTITION OF m_3 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
            INSERT INTO m SELECT n, '2024-03-05', 'new' FROM generate_series(4000, 4400) n
            """
        ),
        Case("that is dropped", "DROP TABLE m_1"),
        Case("that is dropped with its own partitions", "DROP TABLE m_2"),
        Case("that is detached", "ALTER TABLE m DETACH PARTITION m_1; UPDATE m_1 SET at = '2030-01-01' WHERE id = 33"),
        Case("of the second level that is detached", "ALTER TABLE m_2 DETACH PARTITION m_2_low"),
        Case(
            "that was a table, attached with its old rows",
            "ALTER TABLE m ATTACH PARTITION old FOR VALUES FROM ('2023-12-01') TO ('2024-01-01')"
        ),
        Case(
            "that was a table, attached after a conflicting row was changed",
            """
            UPDATE old SET at = '2023-12-12' WHERE at < '2023-12-10';
            ALTER TABLE m ATTACH PARTITION old FOR VALUES FROM ('2023-12-10') TO ('2024-01-01')
            """
        ),
        Case(
            "that was created elsewhere and attached",
            """
            CREATE TABLE late (LIKE m);
            INSERT INTO late SELECT n, '2024-03-05', 'late' FROM generate_series(1, 300) n;
            ALTER TABLE m ATTACH PARTITION late FOR VALUES FROM ('2024-03-01') TO ('2024-04-01')
            """
        ),
        Case(
            "whose bound changes",
            """
            ALTER TABLE m DETACH PARTITION m_1;
            ALTER TABLE m ATTACH PARTITION m_1 FOR VALUES FROM ('2023-06-01') TO ('2024-02-01');
            INSERT INTO m SELECT n, '2023-07-01', 'early' FROM generate_series(5000, 5100) n
            """
        ),
        Case(
            "that is replaced by another of the same name",
            """
            ALTER TABLE m DETACH PARTITION m_1;
            CREATE TABLE fresh (LIKE m INCLUDING ALL);
            INSERT INTO fresh SELECT id, at, v || '!' FROM m_1;
            DROP TABLE m_1;
            ALTER TABLE fresh RENAME TO m_1;
            ALTER TABLE m ATTACH PARTITION m_1 FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')
            """
        ),
        Case(
            "that swaps its name with another",
            "BEGIN; ALTER TABLE m_2_rest_0 RENAME TO x; ALTER TABLE m_2_rest_1 RENAME TO m_2_rest_0; ALTER TABLE x RENAME TO m_2_rest_1; COMMIT"
        ),
        Case(
            "that gets a column with a constant default",
            "ALTER TABLE m ADD COLUMN c timestamptz DEFAULT now() NOT NULL"
        ),
        Case(
            "that gets a column with a volatile default",
            "ALTER TABLE m ADD COLUMN c float8 DEFAULT random() NOT NULL"
        ),
        Case(
            "of a table that loses a column and has another one renamed",
            "ALTER TABLE m ADD COLUMN w int; ALTER TABLE m DROP COLUMN v; ALTER TABLE m RENAME COLUMN w TO v"
        ),
        Case(
            "that takes its rows out of the default partition",
            """
            INSERT INTO old SELECT n, '2024-05-05', 'd' FROM generate_series(7000, 7100) n;
            ALTER TABLE m ATTACH PARTITION old DEFAULT;
            CREATE TABLE m_12 (LIKE m);
            INSERT INTO m_12 SELECT * FROM old WHERE at < '2024-01-01'; DELETE FROM old WHERE at < '2024-01-01';
            ALTER TABLE m ATTACH PARTITION m_12 FOR VALUES FROM ('2023-12-01') TO ('2024-01-01')
            """
        ),
        Case(
            "that takes its rows out of a default partition that is itself partitioned",
            """
            BEGIN; ALTER TABLE m_2 DETACH PARTITION m_2_rest; CREATE TABLE m_2_x PARTITION OF m_2 FOR VALUES IN (50, 110); \
            INSERT INTO m_2_x SELECT * FROM m_2_rest WHERE id IN (50, 110); DELETE FROM m_2_rest WHERE id IN (50, 110); \
            ALTER TABLE m_2 ATTACH PARTITION m_2_rest DEFAULT; COMMIT
            """
        ),
        Case(
            "created from a table that gave its name to the partitioned one",
            """
            ALTER TABLE old RENAME TO older;
            CREATE TABLE old (id bigint, at date NOT NULL, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
            ALTER TABLE old ATTACH PARTITION older FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
            CREATE TABLE old_2 PARTITION OF old FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
            INSERT INTO old SELECT n, '2024-05-05', 'd' FROM generate_series(7000, 7100) n
            """
        ),
        Case("whose rows move to others", "UPDATE m SET at = at + 15 WHERE id % 3 = 0 AND at < '2024-02-10'"),
        Case("that is emptied", "TRUNCATE m_1; TRUNCATE m_2_rest"),
        Case(
            "that gets an index of the whole tree",
            "CREATE INDEX m_at ON m (at)",
            proof:
                "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE indisvalid AND relname ~ '_at_idx|m_at'"
        ),
    ]

    @Test(arguments: Cases.some(2, of: cases)) func `is followed by the next pass`(of change: Case) async throws {
        try await follow(change, withPass: true)
    }

    @Test(arguments: Cases.some(2, of: cases)) func `is followed during cutover`(of change: Case) async throws {
        try await follow(change, withPass: false)
    }

    private func follow(_ change: Case, withPass: Bool) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration(chunkBytes: 16 << 10).precopy()
            try await write(pair)
            for statement in change.change.split(separator: ";\n") { try await pair.source.run(String(statement)) }
            try await write(pair)
            if withPass {
                _ = try await pair.migration().precopy()
                try await write(pair)
            }
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            let proof = try await pair.source.value(change.proof)
            #expect(try await pair.target.value(change.proof) == proof)
        }
    }

    private func write(_ pair: DatabasePair) async throws {
        try await pair.source.run("DELETE FROM m WHERE id % 100 = 7; UPDATE m SET id = id + 20000 WHERE id % 100 = 8")
    }

    @Test(arguments: [0, 1 << 30]) func `is chosen by the target where it would differ from the source's`(
        wholeBelow: Int
    ) async throws {
        // Enums hash by the object ids of their labels, which differ on every server.
        try await DatabasePair.with(
            """
            CREATE TYPE colour AS ENUM ('red', 'green', 'blue', 'white', 'black');
            CREATE TABLE e (c colour, id bigint, v text, PRIMARY KEY (c, id)) PARTITION BY HASH (c);
            CREATE TABLE e_0 PARTITION OF e FOR VALUES WITH (MODULUS 3, REMAINDER 0);
            CREATE TABLE e_1 PARTITION OF e FOR VALUES WITH (MODULUS 3, REMAINDER 1);
            CREATE TABLE e_2 PARTITION OF e FOR VALUES WITH (MODULUS 3, REMAINDER 2);
            INSERT INTO e SELECT (enum_range(NULL::colour))[1 + n % 5], n, 'v' || n FROM generate_series(1, 3000) n;
            ANALYZE
            """
        ) { pair in
            // This gives the labels other ids on the target than on the source.
            try await pair.target.run("CREATE TYPE other AS ENUM ('x', 'y', 'z'); DROP TYPE other")
            _ = try await pair.migration(wholeBelowBytes: wholeBelow).precopy()
            try await pair.source.run(
                "UPDATE e SET c = 'red' WHERE id % 10 = 2; DELETE FROM e WHERE id % 7 = 0; INSERT INTO e VALUES ('blue', 9000, 'n')"
            )
            let report = try await pair.migration(wholeBelowBytes: wholeBelow).cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let rows = "SELECT e::text FROM e ORDER BY 1"
            let wanted = try await pair.source.column(rows)
            #expect(try await pair.target.column(rows) == wanted)
        }
    }

    @Test func `attached with old rows is not missed when rows are copied through the root`() async throws {
        try await DatabasePair.with(
            """
            CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
            CREATE TABLE e (c colour, id bigint, v text, PRIMARY KEY (c, id)) PARTITION BY HASH (c);
            CREATE TABLE e_0 PARTITION OF e FOR VALUES WITH (MODULUS 2, REMAINDER 0);
            CREATE TABLE e_1 PARTITION OF e FOR VALUES WITH (MODULUS 2, REMAINDER 1);
            INSERT INTO e SELECT c, n, 'v' || n FROM generate_series(1, 1000) n, unnest(enum_range(NULL::colour)) c;
            CREATE TABLE known (LIKE e INCLUDING ALL);
            INSERT INTO known SELECT c, n, 'w' || n FROM generate_series(1, 1000) n, unnest(enum_range(NULL::colour)) c
            WHERE satisfies_hash_partition('e'::regclass, 2, 1, c);
            ANALYZE
            """
        ) { pair in
            try await pair.target.run("CREATE TYPE other AS ENUM ('x', 'y'); DROP TYPE other")
            _ = try await pair.migration().precopy()
            try await pair.source.run(
                """
                ALTER TABLE e DETACH PARTITION e_1;
                ALTER TABLE e ATTACH PARTITION known FOR VALUES WITH (MODULUS 2, REMAINDER 1)
                """
            )
            let second = try await pair.migration().precopy()
            #expect(second.warnings.contains { $0.contains("copied again") }, "\(second.warnings)")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let rows = "SELECT e::text FROM e ORDER BY 1"
            let wanted = try await pair.source.column(rows)
            #expect(try await pair.target.column(rows) == wanted)
        }
    }

    @Test func `of an excluded table is excluded as well`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let migration = pair.migration { $0.plan.treatments[.init(schema: "public", name: "m")] = .excluded }
            let inspection = try await migration.inspect()
            #expect(inspection.isClear, "\(inspection.text)")
            #expect(try await migration.precopy().outcome == .done)
            let plain = pair.migration()
            let cutover = Migration(source: plain.source, target: plain.target, options: plain.options) { event in
                // The mark of the definitions falls, so they are compared once more.
                guard case .phaseBegan(.verifyRows) = event else { return }
                _ = pair.source.runAtOnce("CREATE TEMP TABLE passing (id int)")
            }
            let night = try await cutover.cutover()
            #expect(night.outcome == .done, "\(night.text)")
            #expect(
                try await pair.target.column(
                    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
                ) == ["old"]
            )
        }
    }
}
