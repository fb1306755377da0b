import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `The delta` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, v text);
        INSERT INTO t SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 4000) n;
        ANALYZE t;
        """

    /// Cuts over and checks, independently of the tool, that nothing differs.
    private func expectEqualAfterCutover(_ pair: DatabasePair) async throws {
        let report = try await pair.migration().cutover()
        #expect(report.outcome == .done, "\(report.text)")
        #expect(try await pair.differingTables() == [])
    }

    @Test func `holds a row whose transaction began before the base and committed after it`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.session { early in
                // It takes its id first; a later transaction commits before the base, so any watermark moves past it.
                try await early.run("BEGIN; INSERT INTO t VALUES (5001, 'in flight')")
                try await pair.source.run("INSERT INTO t VALUES (5002, 'later, and committed')")
                _ = try await pair.migration().precopy()
                #expect(try await pair.target.value("SELECT count(*) FROM t WHERE id = 5001") == "0")
                try await early.run("COMMIT")
            }
            try await expectEqualAfterCutover(pair)
            #expect(try await pair.target.value("SELECT v FROM t WHERE id = 5001") == "in flight")
        }
    }

    @Test func `holds the rows of a subtransaction that was in flight`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.session { early in
                try await early.run(
                    "BEGIN; SAVEPOINT a; INSERT INTO t VALUES (5001, 'savepoint'); UPDATE t SET v = 'sub' WHERE id = 7"
                )
                try await early.run("SAVEPOINT b; INSERT INTO t VALUES (5003, 'rolled back'); ROLLBACK TO SAVEPOINT b")
                try await early.run(
                    "DO $$ BEGIN INSERT INTO t VALUES (5004, 'block'); EXCEPTION WHEN OTHERS THEN NULL; END $$"
                )
                _ = try await pair.migration().precopy()
                try await early.run("RELEASE SAVEPOINT a; COMMIT")
            }
            try await expectEqualAfterCutover(pair)
            #expect(
                try await pair.target.column("SELECT v FROM t WHERE id IN (7, 5001, 5003, 5004) ORDER BY id") == [
                    "sub", "savepoint", "block",
                ]
            )
        }
    }

    @Test func `holds the rows of a prepared transaction`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.run(
                "BEGIN; UPDATE t SET v = 'two phases' WHERE id % 700 = 0; PREPARE TRANSACTION 'p_\(pair.name)'"
            )
            _ = try await pair.migration().precopy()
            try await pair.source.run("COMMIT PREPARED 'p_\(pair.name)'")
            try await expectEqualAfterCutover(pair)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                "UPDATE t SET v = 'changed' WHERE id % 97 = 0",
                "DELETE FROM t WHERE id BETWEEN 900 AND 1100 OR id = 1",
                "UPDATE t SET id = -id WHERE id % 500 = 0",
                "UPDATE t SET id = id + 10000 WHERE id % 3 = 0",
                "DELETE FROM t WHERE id = 77; INSERT INTO t VALUES (77, 'born again')",
                "DELETE FROM t",
                "TRUNCATE t",
                "TRUNCATE t; INSERT INTO t SELECT n, 'new' FROM generate_series(2000, 6000) n",
                "INSERT INTO t SELECT n, 'more' FROM generate_series(4001, 9000) n",
                "UPDATE t SET v = v",
                "ALTER TABLE t SET UNLOGGED; ALTER TABLE t SET LOGGED; DELETE FROM t WHERE id = 5",
                "CLUSTER t USING t_pkey; ALTER TABLE t SET WITHOUT CLUSTER; DELETE FROM t WHERE id = 6",
            ]
        )
    )
    func `follows writes in the range already copied`(writes: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(writes)
            // Once while the source stays in production, once more during cutover.
            let second = try await pair.migration().precopy()
            #expect(second.outcome == .done)
            #expect(second.transfer.reconciledChunks == 0)
            #expect(try await pair.differingTables() == [])
            try await pair.source.run("INSERT INTO t VALUES (12345, 'last minute')")
            try await expectEqualAfterCutover(pair)
        }
    }

    @Test func `follows values that rows of different chunks swap`() async throws {
        let schema = """
            CREATE TABLE t (id bigint PRIMARY KEY, u int UNIQUE, filler text);
            INSERT INTO t SELECT n, n, repeat('x', 200) FROM generate_series(1, 3000) n;
            ANALYZE t;
            """
        let swap = """
            UPDATE t SET u = -1 WHERE id = 10;
            UPDATE t SET u = 10 WHERE id = 2900;
            UPDATE t SET u = 2900 WHERE id = 10;
            UPDATE t SET u = -u WHERE id % 2 = 0;
            """
        try await DatabasePair.with(schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.target.value("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass") == "2")
            try await pair.source.run(swap)
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.differingTables() == [])
            try await pair.source.run(
                "UPDATE t SET u = 3001 - u; DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (4, 9999)"
            )
            try await expectEqualAfterCutover(pair)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("uuid", "md5(n::text)::uuid", "md5((n + 10000)::text)::uuid"),
                ("text", "chr(65 + n % 50) || 'é' || n", "'zz' || n"),
                (
                    "timestamptz", "timestamptz '2020-01-01' + n * interval '1 minute'",
                    "timestamptz '1999-01-01' + n * interval '1 second'"
                ),
                ("integer", "n - 2000", "n + 100000"),
                ("numeric", "n * 1.5", "-n * 1.25"),
                ("date", "date '2000-01-01' + n", "date '0001-01-01' + n"),
                ("bytea", "decode(md5(n::text), 'hex')", "decode(md5((n + 10000)::text), 'hex')"),
                ("citext", "chr(65 + n % 50) || 'Ab' || n", "'aB-' || n"),
                ("code", "'c' || n", "'C' || n"),
                ("text COLLATE ci", "'Ab' || n", "'aB-' || n"),
                ("int8range", "int8range(n, n + 10)", "int8range(-n, n)"),
            ]
        )
    )
    func `follows tables by any kind of key`(type: String, first: String, later: String) async throws {
        try await DatabasePair.with(
            """
            CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE EXTENSION citext; CREATE DOMAIN code AS varchar(40) CHECK (VALUE <> '');
            CREATE TABLE t (k \(type) PRIMARY KEY, n int, v text);
            INSERT INTO t SELECT \(first), n, repeat('v', 150) FROM generate_series(1, 3000) n;
            CREATE TABLE c (a int, k \(type), n int, v text, PRIMARY KEY (a, k));
            INSERT INTO c SELECT n % 5, \(first), n, repeat('v', 150) FROM generate_series(1, 3000) n;
            ANALYZE;
            """
        ) { pair in
            let base = try await pair.migration().precopy()
            #expect(base.transfer.chunks > 10, "with fewer chunks nothing is tested")
            for table in ["t", "c"] {
                try await pair.source.run(
                    """
                    UPDATE \(table) SET v = 'u' WHERE n % 31 = 0;
                    DELETE FROM \(table) WHERE n % 37 = 0;
                    UPDATE \(table) SET k = \(later) WHERE n % 41 = 0;
                    """
                )
            }
            try await expectEqualAfterCutover(pair)
        }
    }

    @Test func `writes nothing but the ledger when nothing has changed`() async throws {
        try await DatabasePair.with(
            Self.schema
                + "CREATE TABLE two (id int PRIMARY KEY, u int UNIQUE); INSERT INTO two SELECT n, n FROM generate_series(1, 500) n;"
        ) { pair in
            try await pair.source.untilMarksTell()
            _ = try await pair.migration().precopy()
            let versions = """
                SELECT md5(string_agg(x, ',')) FROM (
                    SELECT 't' || ctid::text || xmin::text || xmax::text AS x FROM t UNION ALL SELECT 'u' || ctid::text || xmin::text || xmax::text FROM two
                    UNION ALL SELECT 'c' || ctid::text || xmin::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
                    UNION ALL SELECT 's' || ctid::text || xmin::text FROM pg_statistic WHERE starelid IN ('t'::regclass, 'two'::regclass)
                    ORDER BY 1) q
                """
            let before = try await pair.target.value(versions)
            let report = try await pair.migration().precopy()
            #expect(report.transfer.unchangedChunks > 0)
            #expect(report.transfer.rows == 0)
            #expect(report.transfer.removedRows == 0)
            #expect(try await pair.target.value(versions) == before)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("timeline", "99"), ("systemIdentifier", "\"1\""), ("databaseOid", "1"),
                ("snapshot", "\"9000000000:9000000000:\""), ("snapshot", "\"3:3:\""),
            ]
        )
    )
    func `is not trusted if a mark belongs to another history`(field: String, value: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("UPDATE t SET v = 'after' WHERE id % 11 = 0; DELETE FROM t WHERE id % 13 = 0")
            try await pair.target.run("UPDATE tidemark.chunk SET mark = jsonb_set(mark, '{\(field)}', '\(value)')")
            let report = try await pair.migration().precopy()
            // Only differences are copied, not the table. A mark far in the past is valid: everything counts as
            // written since.
            if value != "\"3:3:\"" { #expect(report.transfer.reconciledChunks > 1) }
            #expect(try await pair.differingTables() == [])
            try await expectEqualAfterCutover(pair)
        }
    }

    @Test func `relies on the server's start time if control data may not be read, and says so`() async throws {
        try await DatabasePair.with(
            Self.schema + "REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() FROM PUBLIC;"
        ) { pair in
            let role = "reader_\(pair.name)"
            try await pair.source.run(
                "CREATE ROLE \(role) LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(role)"
            )
            let reader = try Endpoint(
                pair.source.conninfo.replacing("user=postgres", with: "user=\(role)"),
                side: .source
            )
            func migration() -> Migration {
                let full = pair.migration { $0.omissions = [.privileges] }
                return Migration(source: reader, target: full.target, options: full.options)
            }
            let first = try await migration().precopy()
            #expect(first.warnings.contains { $0.contains("not granted to \(role)") }, "\(first.warnings)")
            let second = try await migration().precopy()
            #expect(second.transfer.reconciledChunks == 0)
            // Like after a failover: another server with another start time.
            try await pair.target.run(
                "UPDATE tidemark.chunk SET mark = jsonb_set(mark, '{serverStartedAt}', '\"2001-01-01\"')"
            )
            try await pair.source.run("DELETE FROM t WHERE id = 9")
            #expect(try await migration().precopy().transfer.reconciledChunks > 1)
            let third = try await migration().precopy()
            #expect(third.transfer.reconciledChunks == 0)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `copies only differences after a void mark`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t (id bigint PRIMARY KEY, v text);
            INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 30000) n;
            ANALYZE t;
            """
        ) { pair in
            let migration = pair.migration(chunkBytes: 512 << 10)
            _ = try await migration.precopy()
            try await pair.source.run(
                "UPDATE t SET v = 'after' WHERE id = 15000; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (40000, 'n')"
            )
            try await pair.target.run("UPDATE tidemark.chunk SET mark = jsonb_set(mark, '{timeline}', '99')")
            try await pair.source.untilMarksTell()
            let report = try await migration.precopy()
            #expect(report.transfer.reconciledChunks > 3)
            #expect(report.transfer.rows < 6000, "a few small ranges, not the table: \(report.transfer.rows)")
            #expect(try await pair.differingTables() == [])
            // After that, there are marks again.
            let third = try await migration.precopy()
            #expect(third.transfer.reconciledChunks == 0)
            #expect(third.transfer.unchangedChunks > 3)
        }
    }

    @Test func `leaves alone what is gone on both sides`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.target.run("DELETE FROM t WHERE id IN (100, 2000)")
            try await pair.source.run("DELETE FROM t WHERE id IN (100, 2000)")
            let report = try await pair.migration().precopy()
            #expect(report.transfer.reconciledChunks == 0)
            try await expectEqualAfterCutover(pair)
        }
    }

    @Test func `divides the last chunk when the table has grown`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE g (id bigint PRIMARY KEY, v text);
            INSERT INTO g SELECT n, repeat('v', 100) FROM generate_series(1, 4000) n;
            ANALYZE;
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            let chunks = "SELECT count(*) FROM tidemark.chunk"
            let before = Int(try await pair.target.value(chunks)) ?? 0
            try await pair.source.run(
                """
                INSERT INTO g SELECT n, repeat('v', 100) FROM generate_series(4001, 12000) n;
                DELETE FROM g WHERE id % 50 = 0; UPDATE g SET v = 'u' WHERE id % 90 = 1
                """
            )
            try await pair.source.untilMarksTell()
            let second = try await pair.migration().precopy()
            #expect(Int(try await pair.target.value(chunks)) ?? 0 >= before * 2, "from \(before)")
            #expect(second.transfer.reconciledChunks == 0)
            #expect(try await pair.target.value("SELECT max(rows) < 1500 FROM tidemark.chunk") == "t")
            // If nothing changed, it is not divided again.
            let cut = try await pair.target.value(chunks)
            let third = try await pair.migration().precopy()
            #expect(third.transfer.rows == 0)
            #expect(try await pair.target.value(chunks) == cut)
            try await pair.source.run("INSERT INTO g SELECT n, repeat('v', 100) FROM generate_series(12001, 20000) n")
            try await expectEqualAfterCutover(pair)
        }
    }

    @Test(.onceIn(2)) func `follows changed definitions also when keys are built`() async throws {
        try await DatabasePair.with(
            Self.schema + "CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 41';"
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'")
            #expect(try await pair.migration().cutover().outcome == .differs)
            try await pair.source.run("ALTER TABLE t ADD COLUMN extra int; CREATE TABLE newcomer (id int)")
            let report = try await pair.migration().cutover()
            #expect(report.warnings.contains { $0.contains("\"extra\" is new") }, "\(report.text)")
            #expect(report.warnings.contains { $0.contains("public.newcomer is new") })
            // What cannot be followed is still named.
            #expect(report.outcome == .differs)
            #expect(report.verification?.findings.map(\.object).contains { !$0.contains("answer") } == false)
            try await pair.target.run("CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'")
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }
}
