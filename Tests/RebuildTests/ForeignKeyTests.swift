import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A foreign key` {
    private static let schema = """
        CREATE TABLE parents (a int, b text, PRIMARY KEY (a, b));
        CREATE TABLE others (id int PRIMARY KEY);
        CREATE TABLE children (id int PRIMARY KEY, a int, b text, other int REFERENCES others,
                               CONSTRAINT both_columns FOREIGN KEY (a, b) REFERENCES parents);
        CREATE TABLE late (id int PRIMARY KEY, other int);
        INSERT INTO parents SELECT n, 'p' FROM generate_series(1, 100) n;
        INSERT INTO others SELECT generate_series(1, 100);
        INSERT INTO children SELECT n, n, 'p', n FROM generate_series(1, 100) n;
        INSERT INTO late VALUES (1, 999);
        ALTER TABLE late ADD CONSTRAINT never_looked FOREIGN KEY (other) REFERENCES others NOT VALID;
        """

    /// Orphan rows, although the source's catalog says the constraint is validated.
    private static let orphans = """
        SET session_replication_role = replica;
        INSERT INTO children VALUES (1001, 7, 'not there', 1), (1002, 1, 'p', 5000), (1003, 2, 'p', 5001);
        SET session_replication_role = origin
        """

    @Test func `violated on the source itself is reported with its rows, for all constraints at once`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.run(Self.orphans)
            _ = try await pair.migration().precopy()
            let error = try #require(await #expect(throws: PostgresError.self) { try await pair.migration().cutover() })
            #expect(error.description.contains("1 row(s) of public.children refer to rows that public.parents"))
            #expect(error.description.contains("(7,\"not there\") at ctid"))
            #expect(error.description.contains("2 row(s) of public.children refer to rows that public.others"))
            #expect(error.description.contains("(5000)"))
            // Without validation, the rest of the cutover succeeds.
            let later = try await pair.migration { $0.omissions = [.foreignKeyValidation] }.cutover()
            #expect(later.outcome == .done, "\(later.text)")
            let findings = later.verification?.findings ?? []
            #expect(findings.count == 2)
            #expect(findings.allSatisfy { $0.severity == .note && $0.message.contains("as requested") }, "\(findings)")
            let rebuild = try #require(
                await #expect(throws: PostgresError.self) { try await pair.migration().rebuild(concurrently: true) }
            )
            #expect(rebuild.description.contains("refer to rows that"), "\(rebuild)")
        }
    }

    @Test func `that was never validated on the source stays unvalidated`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            let states =
                "SELECT conname || ' ' || convalidated::text FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1"
            #expect(
                try await pair.target.column(states) == [
                    "both_columns true", "children_other_fkey true", "never_looked false",
                ]
            )
        }
    }

    @Test func `left for later is validated by rebuild while the application writes`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration { $0.omissions = [.foreignKeyValidation] }.precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            let unvalidated = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
            #expect(try await pair.target.value(unvalidated) == "3")
            let report = try await pair.migration().rebuild(concurrently: true)
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.target.value(unvalidated) == "1")
        }
    }

    private static let partitioned = """
        CREATE TABLE others (id int PRIMARY KEY) PARTITION BY HASH (id);
        CREATE TABLE others_0 PARTITION OF others FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE others_1 PARTITION OF others FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE t (id int, other int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
        CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (1000) PARTITION BY RANGE (id);
        CREATE TABLE t_1a PARTITION OF t_1 FOR VALUES FROM (0) TO (500);
        CREATE TABLE t_1b PARTITION OF t_1 DEFAULT;
        CREATE TABLE t_2 PARTITION OF t DEFAULT;
        INSERT INTO others SELECT generate_series(1, 2000);
        INSERT INTO t SELECT n, n FROM generate_series(1, 2000) n;
        ALTER TABLE t ADD CONSTRAINT to_others FOREIGN KEY (other) REFERENCES others;
        ALTER TABLE t_2 ADD CONSTRAINT own_too FOREIGN KEY (id) REFERENCES others;
        """

    /// The tables that have it, whether it belongs to the parent's constraint, and whether it is validated.
    private static let family = """
        SELECT format('%s %s %s %s', c.conrelid::regclass, c.conname, p.conrelid::regclass, c.convalidated)
        FROM pg_constraint c LEFT JOIN pg_constraint p ON p.oid = c.conparentid
        WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND c.conrelid IS DISTINCT FROM p.conrelid ORDER BY 1
        """

    @Test func `of a partitioned table is built on each partition and attached to the parent's`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            _ = try await pair.migration().precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let (ours, theirs) = (try await pair.source.column(Self.family), try await pair.target.column(Self.family))
            #expect(theirs == ours)
            #expect(theirs.count == 6)
            await #expect(throws: (any Error).self) { try await pair.target.run("INSERT INTO t VALUES (5000, 5000)") }
        }
    }

    @Test func `of a partitioned table is refused as a whole if a partition has a different one`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE others (id int PRIMARY KEY); INSERT INTO others SELECT generate_series(1, 100);
            CREATE TABLE parts (id int, other int CONSTRAINT to_others REFERENCES others, PRIMARY KEY (id)) PARTITION BY RANGE (id);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (50);
            CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (101);
            INSERT INTO parts SELECT n, n FROM generate_series(1, 100) n;
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                """
                ALTER TABLE parts DROP CONSTRAINT to_others;
                ALTER TABLE parts_2 ADD CONSTRAINT to_others FOREIGN KEY (other) REFERENCES others ON DELETE CASCADE
                """
            )
            for concurrently in [false, true] {
                let report = try await pair.migration().rebuild(concurrently: concurrently)
                #expect(report.outcome == .differs)
                #expect(
                    report.warnings.contains { $0.contains("defined differently on the target") },
                    "\(report.warnings)"
                )
            }
            let keys =
                "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text LIKE 'parts%'"
            #expect(try await pair.target.value(keys) == "1")
            try await pair.target.run("ALTER TABLE parts_2 DROP CONSTRAINT to_others")
            #expect(try await pair.migration().rebuild(concurrently: true).outcome == .done)
            #expect(try await pair.target.value(keys) == "3")
        }
    }

    @Test func `of a partitioned table is rebuilt concurrently, partition by partition`() async throws {
        try await DatabasePair.with(Self.partitioned) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                "ALTER TABLE t DROP CONSTRAINT to_others; ALTER TABLE t_1a ADD CONSTRAINT to_others FOREIGN KEY (other) REFERENCES others NOT VALID"
            )
            let report = try await pair.migration().rebuild(concurrently: true)
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.target.column(Self.family) == pair.source.column(Self.family))
        }
    }

    /// citext ignores case, and several rows together may cover a period (PostgreSQL 18).
    @Test func `that only its own operators satisfy does not stop a repeated cutover`() async throws {
        try await DatabasePair.with { pair in
            var writes = "SELECT"
            if try await pair.source.hasExtension("citext"), try await pair.target.hasExtension("citext") {
                try await pair.source.run(
                    """
                    CREATE EXTENSION citext; CREATE TABLE names (name citext PRIMARY KEY);
                    INSERT INTO names SELECT 'n' || n FROM generate_series(1, 100) n;
                    CREATE TABLE uses (id int PRIMARY KEY, name citext REFERENCES names); INSERT INTO uses VALUES (1, 'n1')
                    """
                )
                writes += "; INSERT INTO uses VALUES (2, 'N2')"
            }
            if try await pair.source.majorVersion() >= 18 {
                try await pair.source.run(
                    """
                    CREATE TABLE rooms (room int4range, at daterange, PRIMARY KEY (room, at WITHOUT OVERLAPS));
                    INSERT INTO rooms VALUES ('[1,5)', '[2024-01-01,2024-02-01)'), ('[1,5)', '[2024-02-01,2024-03-01)');
                    CREATE TABLE stays (id int PRIMARY KEY, room int4range, at daterange,
                                        FOREIGN KEY (room, PERIOD at) REFERENCES rooms (room, PERIOD at))
                    """
                )
                writes += "; INSERT INTO stays VALUES (1, '[1,5)', '[2024-01-10,2024-02-10)')"
            }
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.source.run(writes)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    /// `pg_dump` does not write that the triggers of a key are disabled.
    @Test func `that only the target enforces is a note`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE others (id int PRIMARY KEY); INSERT INTO others SELECT generate_series(1, 100);
            CREATE TABLE t (id int PRIMARY KEY, other int CONSTRAINT to_others REFERENCES others);
            INSERT INTO t SELECT n, n FROM generate_series(1, 100) n; ALTER TABLE t DISABLE TRIGGER ALL
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let findings = report.verification?.findings ?? []
            #expect(findings.map(\.code) == ["foreign-key.enforced"], "\(findings)")
            #expect(findings.first?.severity == .note && findings.first?.source == "false")
            await #expect(throws: PostgresError.self) { try await pair.target.run("INSERT INTO t VALUES (999, 999)") }
        }
    }

    @Test func `are in the plan, with what the next cutover does with them`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE others (id int PRIMARY KEY); INSERT INTO others SELECT generate_series(1, 100);
            CREATE TABLE t (id int PRIMARY KEY, other int CONSTRAINT to_others REFERENCES others);
            INSERT INTO t SELECT n, n FROM generate_series(1, 100) n
            """
        ) { pair in
            #expect(try await pair.migration().plan().text.contains("cutover validates 1 foreign key"))
            let later = pair.migration { $0.omissions = [.foreignKeyValidation] }
            #expect(try await later.plan().text.contains("creates 1 foreign key without validating"))
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().plan().text.contains("cutover validates 1 foreign key"))
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.migration().plan().text.contains("1 foreign key, kept and validated"))
        }
    }
}
