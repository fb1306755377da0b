import Planning
import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A definition that changes after it was copied` {
    private static let schema = """
        CREATE TYPE mood AS ENUM ('good');
        CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 41';
        CREATE TABLE t (id int PRIMARY KEY, m mood);
        INSERT INTO t VALUES (1, 'good');
        CREATE VIEW v AS SELECT id FROM t;
        CREATE VIEW base AS SELECT id FROM t;
        CREATE VIEW on_base AS SELECT id FROM base;
        CREATE SEQUENCE numbers;
        CREATE TABLE two (id int PRIMARY KEY); COMMENT ON TABLE two IS 'said';
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        """

    private static let foreign = """
        CREATE EXTENSION file_fdw; CREATE SERVER s FOREIGN DATA WRAPPER file_fdw;
        CREATE TABLE m (y int, v text) PARTITION BY LIST (y); CREATE TABLE m_default PARTITION OF m DEFAULT;
        CREATE FOREIGN TABLE m_2020 PARTITION OF m FOR VALUES IN (2020) SERVER s OPTIONS (filename '/dev/null');
        CREATE FOREIGN TABLE apart (y int, v text) SERVER s OPTIONS (filename '/dev/null');
        CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'x');
        CREATE VIEW v AS SELECT a, b FROM t; ALTER VIEW v ALTER a SET DEFAULT 7;
        CREATE VIEW "v SET DEFAULT" AS SELECT a FROM t; ALTER VIEW "v SET DEFAULT" ALTER a SET DEFAULT 7
        """

    private static let comments = """
        SELECT count(*) FROM pg_description WHERE description IN ('a table', 'a column', 'a check')
        """

    @Test(
        arguments: Cases.some(
            2,
            of: [
                (
                    "ALTER TYPE mood ADD VALUE 'bad'",
                    "SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum"
                ),
                ("CREATE OR REPLACE VIEW v AS SELECT id + 1 AS id FROM t", "SELECT pg_get_viewdef('v'::regclass)"),
                ("CREATE VIEW late AS SELECT 1 AS one", "SELECT pg_get_viewdef('late'::regclass)"),
                ("CREATE SEQUENCE late_numbers", "SELECT nextval('late_numbers')"),
                ("DROP SEQUENCE numbers", "SELECT to_regclass('numbers') IS NULL"),
                ("ALTER SEQUENCE numbers RENAME TO figures", "SELECT nextval('figures')"),
                ("COMMENT ON TABLE t IS 'later'", "SELECT obj_description('t'::regclass)"),
                ("DROP VIEW v", "SELECT to_regclass('v') IS NULL"),
                ("DROP VIEW v; CREATE MATERIALIZED VIEW v AS SELECT 7 AS id", "SELECT pg_get_viewdef('v'::regclass)"),
                ("CREATE EXTENSION hstore", "SELECT count(*) FROM pg_extension WHERE extname = 'hstore'"),
                (
                    "CREATE FUNCTION late() RETURNS int LANGUAGE sql AS 'SELECT 43'; GRANT EXECUTE ON FUNCTION late() TO pg_monitor",
                    "SELECT late() || proacl::text FROM pg_proc WHERE proname = 'late'"
                ),
            ]
        )
    )
    func `is followed`(change: String, proof: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(change)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let wanted = try await pair.source.value(proof)
            #expect(try await pair.target.value(proof) == wanted)
        }
    }

    /// `pg_dump` writes them like parts of tables, which are followed with their tables.
    @Test(
        arguments: Cases.some(
            3,
            of: [
                "CREATE FOREIGN TABLE m_2021 PARTITION OF m FOR VALUES IN (2021) SERVER s OPTIONS (filename '/dev/null')",
                "ALTER TABLE m ATTACH PARTITION apart FOR VALUES IN (2022)", "ALTER TABLE m DETACH PARTITION m_2020",
                "ALTER TABLE m DETACH PARTITION m_2020; ALTER TABLE m ATTACH PARTITION m_2020 FOR VALUES IN (2019, 2020)",
                "ALTER VIEW v ALTER b SET DEFAULT 'new'", "ALTER VIEW v ALTER a SET DEFAULT 8",
                "ALTER VIEW v ALTER a DROP DEFAULT",
                "CREATE OR REPLACE VIEW v AS SELECT a, b || 'x' AS b FROM t",
                "CREATE OR REPLACE VIEW v AS SELECT a, b, 1 AS c FROM t; ALTER VIEW v ALTER a DROP DEFAULT, ALTER c SET DEFAULT 3",
                "CREATE VIEW w AS SELECT a FROM t; ALTER VIEW w ALTER a SET DEFAULT 4", "DROP VIEW v",
                "ALTER VIEW \"v SET DEFAULT\" ALTER a DROP DEFAULT",
            ]
        )
    )
    func `is followed, also as a foreign partition or the default of a view's column`(change: String) async throws {
        let state = """
            SELECT coalesce(string_agg(x.t, E'\n' ORDER BY x.t), '') FROM (
                SELECT attrelid::regclass || '.' || attname || ' ' || pg_get_expr(adbin, adrelid) AS t
                FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
                WHERE attrelid::regclass::text !~ '^tidemark'
                UNION ALL
                SELECT oid::regclass || ' ' || coalesce(pg_get_expr(relpartbound, oid), '') FROM pg_class
                WHERE relkind = 'f') x
            """
        try await DatabasePair.with { pair in
            guard try await pair.source.hasExtension("file_fdw") else { return }
            try await pair.source.run(Self.foreign)
            _ = try await pair.migration().precopy()
            try await pair.source.run(change)
            let wanted = try await pair.source.value(state)
            _ = try await pair.migration().precopy()
            #expect(try await pair.target.value(state) == wanted, "\(change)")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(change): \(report.text)")
            #expect(try await pair.target.value(state) == wanted, "\(change)")
        }
    }

    /// As any other change that the operator has repeated on the target; a renamed foreign table is left to the proof.
    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("ALTER TABLE m ATTACH PARTITION apart FOR VALUES IN (2022)", true),
                ("ALTER TABLE m DETACH PARTITION m_2020", true), ("ALTER VIEW v ALTER a DROP DEFAULT", true),
                ("ALTER FOREIGN TABLE m_2020 RENAME TO m_twenty", true),
                ("ALTER FOREIGN TABLE m_2020 RENAME TO m_twenty", false),
            ]
        )
    )
    func `is not made twice as a foreign partition or the default of a view's column`(
        change: String,
        isByHand: Bool
    ) async throws {
        try await DatabasePair.with { pair in
            guard try await pair.source.hasExtension("file_fdw") else { return }
            try await pair.source.run(Self.foreign)
            _ = try await pair.migration().precopy()
            try await pair.source.run(change)
            if isByHand { try await pair.target.run(change) }
            #expect(try await pair.migration().precopy().outcome == .done, "\(change)")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == (isByHand ? .done : .differs), "\(change): \(report.text)")
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                (
                    "CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'",
                    "function public.answer()"
                ),
                (
                    "DROP FUNCTION answer(); CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'",
                    "function public.answer()"
                ),
                ("DROP FUNCTION answer()", "function public.answer()"),
                ("ALTER DOMAIN positive DROP CONSTRAINT positive_check", "domain public.positive"),
                ("CREATE OR REPLACE VIEW base AS SELECT id, m FROM t", "view public.base"),
                ("ALTER TABLE t SET (fillfactor = 70)", "table public.t"),
                ("ALTER TABLE t SET (fillfactor = 70); ALTER TABLE t RENAME TO w", "table public.w"),
                ("ALTER TABLE t ADD COLUMN c int; COMMENT ON TABLE two IS NULL", "comment public.TABLE two"),
                (
                    "ALTER TABLE t ALTER COLUMN m SET STORAGE PLAIN; ALTER TABLE t ALTER COLUMN m SET STATISTICS 77",
                    "table public.t"
                ),
            ]
        )
    )
    func `is never silently ignored`(change: String, object: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(change)
            let early = try await pair.migration().precopy()
            #expect(early.warnings.contains { $0.contains(object) }, "\(early.warnings)")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .differs)
            let named = report.verification?.findings.filter { $0.kind == "definition" }.map(\.object) ?? []
            #expect(named.contains(object), "\(named)")
        }
    }

    /// `pg_dump` quotes the object of a comment where its name needs quotes.
    @Test(arguments: Cases.some(1, of: ["plain", "\"user\"", "\"Two words\"", "\"a.b\"", "\"on \"\"ON\"\" x\""]))
    func `keeps the comments of a table that is altered or renamed`(_ name: String) async throws {
        let schema = """
            CREATE TABLE \(name) (id int PRIMARY KEY, \(name) int, v varchar(9) DEFAULT 'a',
                CONSTRAINT \(name) CHECK (\(name) > 0 AND v IN ('a', 'b')));
            INSERT INTO \(name) VALUES (1, 1);
            COMMENT ON TABLE \(name) IS 'a table'; COMMENT ON COLUMN \(name).\(name) IS 'a column';
            COMMENT ON CONSTRAINT \(name) ON \(name) IS 'a check'
            """
        for change in Cases.some(
            3,
            of: [
                "ALTER TABLE \(name) ADD COLUMN c int", "ALTER TABLE \(name) ALTER \(name) TYPE bigint",
                "ALTER TABLE \(name) RENAME TO renamed",
                "ALTER TABLE \(name) RENAME CONSTRAINT \(name) TO renamed",
                "ALTER TABLE \(name) DROP CONSTRAINT \(name), ADD CONSTRAINT other CHECK (\(name) > -1); COMMENT ON CONSTRAINT other ON \(name) IS 'a check'",
                "ALTER TABLE \(name) RENAME COLUMN \(name) TO renamed",
            ]
        ) {
            try await DatabasePair.with(schema) { pair in
                _ = try await pair.migration().precopy()
                try await pair.source.run(change)
                _ = try await pair.migration().precopy()
                let report = try await pair.migration().cutover()
                #expect(report.outcome == .done, "\(change): \(report.text)")
                #expect(try await pair.target.value(Self.comments) == "3", "\(change)")
            }
        }
    }

    /// Grants are created last, as they are at the cutover; owners are set with the definitions.
    @Test func `is named with its repair if only the owner changes, and followed if grants change`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("GRANT SELECT ON t TO PUBLIC; ALTER TABLE t OWNER TO pg_monitor")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .differs)
            let findings = report.verification?.findings ?? []
            #expect(findings.map(\.kind).sorted() == ["owner"], "\(report.text)")
            for finding in findings {
                #expect(finding.object == "table public.t")
                try await pair.target.run(try #require(finding.repair))
            }
            #expect(try await pair.migration().verify().outcome == .done)
        }
    }

    @Test func `is not changed again if it was changed on the target by hand`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            let change = """
                CREATE TABLE late (id int PRIMARY KEY); CREATE VIEW of_late AS SELECT id FROM late;
                ALTER TABLE t ADD COLUMN c int
                """
            try await pair.source.run(change, "INSERT INTO late VALUES (1); INSERT INTO t VALUES (2, 'good', 2)")
            try await pair.target.run(change, "ALTER TABLE late DROP CONSTRAINT late_pkey")
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `and cannot be followed is no finding once it was changed on the target by hand`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            let change = """
                CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
                CREATE OR REPLACE VIEW base AS SELECT id, m FROM t;
                ALTER DOMAIN positive DROP CONSTRAINT positive_check
                """
            try await pair.source.run(change)
            #expect(try await pair.migration().precopy().warnings.count == 3)
            try await pair.target.run(change)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
        }
    }

    @Test func `because a column was renamed is no finding`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("ALTER TABLE t RENAME COLUMN id TO number")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
        }
    }

    @Test func `is refused, not lost, if it is in the ledger's own schema on the source`() async throws {
        try await DatabasePair.with("CREATE SCHEMA tidemark; CREATE TABLE tidemark.orders (id int PRIMARY KEY)") {
            pair in
            let error = await #expect(throws: PlanError.self) { try await pair.migration().precopy() }
            #expect(error?.description.contains("tidemark.orders") == true)
        }
    }

    @Test func `may have a name that would end a comment`() async throws {
        let name = "\"x\n; commit; create table public.pwned(a int); --\""
        try await DatabasePair.with(
            "CREATE TABLE \(name) (id int PRIMARY KEY, v text); INSERT INTO \(name) SELECT n, 'v' FROM generate_series(1, 3000) n"
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("DELETE FROM \(name) WHERE id % 100 = 1")
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
            for database in [pair.source, pair.target] {
                #expect(try await database.value("SELECT to_regclass('public.pwned') IS NULL") == "t")
            }
        }
    }

    /// A row holds the object id of its label, so renaming a label writes no row.
    @Test(
        arguments: Cases.some(
            1,
            of: [
                "ALTER TYPE mood RENAME VALUE 'low' TO 'x'; ALTER TYPE mood RENAME VALUE 'high' TO 'low'; ALTER TYPE mood RENAME VALUE 'x' TO 'high'",
                "ALTER TYPE mood RENAME VALUE 'low' TO 'new'; ALTER TYPE mood ADD VALUE 'low' BEFORE 'new'",
                "ALTER TYPE mood RENAME VALUE 'high' TO 'higher'; ALTER TYPE mood RENAME VALUE 'low' TO 'high'; ALTER TYPE mood ADD VALUE 'low'",
            ]
        ),
        Cases.some(1, of: [false, true])
    )
    func `updates rows that were not written`(_ change: String, isMadeByHandToo: Bool) async throws {
        try await DatabasePair.with(
            """
            CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TYPE parts AS (a int, b mood);
            CREATE DOMAIN pieces AS parts; CREATE TABLE t (id int, m mood, p pieces[], PRIMARY KEY (id, m));
            INSERT INTO t SELECT n, (enum_range(NULL::mood))[1 + n % 2], ARRAY[ROW(n, 'low')::parts]
            FROM generate_series(1, 3000) n; ANALYZE t
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(change)
            if isMadeByHandToo { try await pair.target.run(change) }
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `is reported if on the target it changes the meaning of rows`() async throws {
        try await DatabasePair.with(
            """
            CREATE TYPE parts AS (a int, b int); CREATE TABLE t (id int PRIMARY KEY, p parts);
            INSERT INTO t SELECT n, ROW(n, 7)::parts FROM generate_series(1, 3000) n; ANALYZE t
            """
        ) { pair in
            // Otherwise the cutover compares the rows, and repairs them.
            try await pair.source.untilMarksTell()
            _ = try await pair.migration().precopy()
            let change = "ALTER TYPE parts DROP ATTRIBUTE b, ADD ATTRIBUTE b int"
            try await pair.target.run(change)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .differs, "\(report.text)")
            // The same change on both sides has the same effect on the rows of both.
            try await pair.source.run(change)
            #expect(try await pair.migration().verify().outcome == .done)
        }
    }

    @Test func `and cannot be created on the target is refused with the reason, and nothing is written`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            // The target has a different object of the same name.
            try await pair.target.run("CREATE TABLE late (id text)")
            try await pair.source.run("CREATE TABLE late (id int PRIMARY KEY); ALTER TABLE t ADD COLUMN c int")
            let error = await #expect(throws: PlanError.self) { try await pair.migration().precopy() }
            #expect(error?.description.contains("public.late") == true)
            let columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
            #expect(try await pair.target.value(columns) == "2")
            try await pair.target.run("DROP TABLE late")
            #expect(try await pair.migration().cutover().outcome == .done)
        }
    }
}
