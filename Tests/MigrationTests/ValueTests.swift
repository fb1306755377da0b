import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `Values` {
    /// Types, with values that a careless copy would change.
    static let values: [(type: String, values: [String])] = [
        (
            "numeric",
            ["'NaN'", "'Infinity'", "'-Infinity'", "1.50", "1.5", "-0.000", "1e-300", "12345678901234567890.123456789"]
        ),
        ("float8", ["'NaN'", "'Infinity'", "'-0'", "5e-324", "0.1::float8 + 0.2::float8", "1.7976931348623157e308"]),
        ("float4", ["1e-45", "'-0'", "0.1"]),
        (
            "timestamptz",
            ["'infinity'", "'-infinity'", "'0044-03-15 12:00:00.123456 BC'", "'294276-12-31 23:59:59.999999'"]
        ),
        ("date", ["'infinity'", "'4713-01-01 BC'", "'5874897-12-31'", "'2024-04-03'"]),
        ("interval", ["'1 mon -1 day 00:00:00.000001'", "'-178000000 years'"]),
        ("timetz", ["'24:00:00-15:59'", "'00:00:00.000001+14'"]),
        ("text", ["''", "E'\\\\N'", "E'\\\\.'", "E'a\\tb\\nc\\r\\\\'", "'é表🌊'", "repeat('x', 3000000)"]),
        ("char(5)", ["'a'", "''"]),
        ("bytea", ["'\\x'", "'\\x00ff5c0a'", "decode(repeat('00', 100000), 'hex')"]),
        ("jsonb", ["'{\"a\": 1.0, \"b\": [null, \"é\"]}'", "'null'"]),
        ("json", ["'{\"b\":1,  \"a\":2}'"]),
        ("xml", ["'<a>1</a>'"]),
        ("int[]", ["'{}'", "'{{1,2},{3,NULL}}'", "'[0:1]={1,2}'"]),
        ("text[]", ["ARRAY['', NULL, '\"', ',']"]),
        ("mood[]", ["'{good,bad}'"]),
        ("pair", ["ROW(1, 'a,b')", "ROW(NULL, '')"]),
        ("pair[]", ["ARRAY[ROW(1, '\"')::pair]"]),
        ("posint", ["1"]),
        ("int4range", ["'empty'", "'[1,5)'", "'(,)'"]),
        ("tsvector", ["'cd:2 x:1A'"]),
        ("inet", ["'::1/128'", "'10.0.0.1/8'"]),
        ("bit varying(9)", ["B'101'", "B''"]),
        ("money", ["'-1234.56'"]),
        ("uuid", ["'00000000-0000-0000-0000-000000000000'"]),
        ("oid", ["4294967295"]),
        ("regclass", ["'plain'"]),
        ("point", ["'(1e-300,-0)'"]),
        ("pg_lsn", ["'16/B374D848'"]),
        ("\"char\"", ["'x'"]),
    ]

    private static let types = """
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE TYPE pair AS (n int, t text);
        CREATE DOMAIN posint AS int CHECK (VALUE > 0);
        CREATE TABLE plain (id int PRIMARY KEY);
        """

    /// Each type twice: copied ahead, and as a whole.
    ///
    /// numeric has infinities since PostgreSQL 14.
    private static func tables(hasNumericInfinity: Bool) -> String {
        values.enumerated().flatMap { index, entry in
            ["ahead", "whole"].map { kind in
                let values = entry.values.filter {
                    hasNumericInfinity || entry.type != "numeric" || !$0.contains("Infinity")
                }
                let rows = values.enumerated().map { "(\($0), \($1))" } + ["(1000, NULL)"]
                return """
                    CREATE TABLE \(kind)_\(index) (id int PRIMARY KEY, v \(entry.type));
                    INSERT INTO \(kind)_\(index) VALUES \(rows.joined(separator: ", "));

                    """
            }
        }.joined()
    }

    @Test(.onceIn(2)) func `of every kind arrive unchanged, copied ahead, as a delta and whole`() async throws {
        try await DatabasePair.with(Self.types) { pair in
            try await pair.source.run(try await Self.tables(hasNumericInfinity: pair.source.majorVersion() >= 14))
            let precopy = try await pair.migration { options in
                for index in Self.values.indices {
                    options.plan.treatments[.init(schema: "public", name: ServerText("whole_\(index)"))] = .whole
                }
            }.precopy()
            #expect(precopy.outcome == .done)
            let writes = Self.values.indices.map { index in
                """
                INSERT INTO ahead_\(index) SELECT id + 2000, v FROM ahead_\(index);
                UPDATE ahead_\(index) SET id = id + 5000 WHERE id < 3;

                """
            }
            try await pair.source.run(writes.joined())
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `find their columns by name, whatever the order, and generated ones are computed`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t (gone int, a text, b text, id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
            ALTER TABLE t DROP COLUMN gone;
            INSERT INTO t (a, b, id) SELECT 'a' || n, 'b' || n, n FROM generate_series(1, 2000) n;
            CREATE TABLE always (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
            INSERT INTO always (v) SELECT 'v' FROM generate_series(1, 100);
            CREATE TABLE parent (id int PRIMARY KEY, p text);
            CREATE TABLE child (c text) INHERITS (parent);
            INSERT INTO parent SELECT n, 'p' FROM generate_series(1, 100) n;
            INSERT INTO child SELECT n, 'in child', 'c' FROM generate_series(50, 200) n;
            CREATE TABLE nothing ();
            INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES;
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(
                "UPDATE t SET a = b, b = a WHERE id % 5 = 0; UPDATE ONLY parent SET p = 'changed' WHERE id < 9"
            )
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            #expect(try await pair.target.value("SELECT count(*) FROM nothing") == "2")
        }
    }

    @Test(.onceIn(3)) func `of half a gigabyte arrive, and are proven`() async throws {
        // As text, it would be longer than the largest possible message.
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY, v bytea);
            ALTER TABLE t ALTER COLUMN v SET STORAGE EXTERNAL;
            INSERT INTO t VALUES (1, NULL), (2, ''), (3, convert_to(repeat('x', 600000000), 'UTF8'));
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("UPDATE t SET v = '\\x01' WHERE id = 2")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.target.value("SELECT length(v) FROM t WHERE id = 3") == "600000000")
        }
    }

    @Test(.onceIn(3)) func `of a thousand columns arrive, in any order of the target's columns`() async throws {
        let columns = (1...1000).map { "c\($0) \($0 % 2 == 0 ? "int" : "text")" }
        let values = (1...1000).map { $0 % 2 == 0 ? "n + \($0)" : "'v' || n + \($0)" }
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY, \(columns.joined(separator: ", ")));
            INSERT INTO t SELECT n, \(values.joined(separator: ", ")) FROM generate_series(1, 200) n;
            """
        ) { pair in
            try await pair.target.run(
                "CREATE TABLE t (\(columns.reversed().joined(separator: ", ")), id int PRIMARY KEY)"
            )
            _ = try await pair.migration { $0.targetContents = .rows }.precopy()
            try await pair.source.run("UPDATE t SET c999 = 'changed', c1000 = -1 WHERE id % 7 = 0")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let some = "SELECT format('%s %s %s %s', id, c1, c999, c1000) FROM t ORDER BY id"
            let wanted = try await pair.source.column(some)
            #expect(try await pair.target.column(some) == wanted)
        }
    }

    @Test func `of a database in SQL_ASCII arrive if they are UTF-8, and are refused if not`()
        async throws
    {
        let options = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY, v text);
            INSERT INTO t SELECT n, 'schön 表 ' || n FROM generate_series(1, 500) n;
            """,
            sourceOptions: options
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("UPDATE t SET v = 'é' WHERE id = 7")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.target.value("SELECT v FROM t WHERE id = 7") == "é")
        }
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, E'\\xe9')",
            sourceOptions: options
        ) { pair in
            let error = await #expect(throws: PostgresError.self) { try await pair.migration().precopy() }
            #expect(error?.sqlState == "22021")
            #expect(error?.description.contains("public.t") == true)
        }
    }

    @Test(arguments: Cases.some(1, of: ["LATIN1", "UTF8", "EUC_JP"])) func `are the same text in another encoding`(
        encoding: String
    ) async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE "tä" ("kö" text PRIMARY KEY, v text DEFAULT 'ü');
            INSERT INTO "tä" SELECT n || 'ß', repeat('ä', n % 40) FROM generate_series(1, 2000) n;
            CREATE FUNCTION grüße() RETURNS text LANGUAGE sql AS $$ SELECT 'schöne Grüße'::text $$;
            COMMENT ON TABLE "tä" IS 'ÄÖÜ';
            """,
            sourceOptions: "ENCODING '\(encoding)' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(
                "UPDATE \"tä\" SET v = 'é' WHERE v = ''; DELETE FROM \"tä\" WHERE \"kö\" LIKE '7%'"
            )
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let rows = "SELECT t::text FROM \"tä\" t ORDER BY \"kö\" COLLATE \"C\""
            #expect(try await pair.source.column(rows).sorted() == pair.target.column(rows).sorted())
            let words = "SELECT grüße() || obj_description('\"tä\"'::regclass)"
            #expect(try await pair.target.value(words) == "schöne GrüßeÄÖÜ")
        }
    }

    @Test func `of a key with an extension's operators are followed as well`() async throws {
        try await DatabasePair.with(
            """
            CREATE EXTENSION citext; CREATE EXTENSION ltree;
            CREATE TYPE mood AS ENUM ('a', 'b', 'c'); CREATE DOMAIN moody AS mood;
            CREATE TABLE c (k citext PRIMARY KEY, v text);
            INSERT INTO c SELECT chr(97 + n % 26) || n, 'v' FROM generate_series(1, 1000) n;
            CREATE TABLE l (k ltree PRIMARY KEY, v text);
            INSERT INTO l SELECT ('a.b' || n)::ltree, 'v' FROM generate_series(1, 1000) n;
            CREATE TABLE m (k moody PRIMARY KEY, v text);
            INSERT INTO m VALUES ('a', 'x'), ('b', 'y');
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(
                """
                UPDATE c SET k = upper(k::text) WHERE length(k::text) = 3; DELETE FROM c WHERE k::text LIKE 'b%';
                UPDATE l SET v = 'u' WHERE k ~ 'a.b77'; UPDATE l SET k = 'x.y' WHERE k ~ 'a.b99';
                UPDATE m SET v = 'z' WHERE k::mood = 'a'; INSERT INTO m VALUES ('c', 'new')
                """
            )
            let second = try await pair.migration().precopy()
            #expect(second.transfer.reconciledChunks == 0, "\(second.text)")
            let treatments = "SELECT string_agg(DISTINCT treatment, ',') FROM tidemark.relation"
            #expect(try await pair.target.value(treatments) == "delta")
            try await pair.source.run(
                "UPDATE c SET k = lower(k::text) WHERE k::text = 'C2'; DELETE FROM l WHERE k ~ 'x.y'"
            )
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

}
