import Catalog
import Planning
import Postgres
import TestSupport
import Testing

@Suite struct `Ranges of a key` {
    /// A key, and SQL that creates rows with gaps, negatives, both ends, skew or equal prefixes.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let columns: String
        let key: String
        let rows: String
        var setup = ""

        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "bigint with gaps, negatives and both ends",
            columns: "a bigint",
            key: "a",
            rows: """
                SELECT n * n * (CASE WHEN n % 2 = 0 THEN -1 ELSE 1 END) FROM generate_series(1::bigint, 4000) n
                UNION SELECT 9223372036854775807 UNION SELECT -9223372036854775808 UNION SELECT 0
                """
        ),
        Case(name: "integer, one row", columns: "a integer", key: "a", rows: "SELECT -1"),
        Case(name: "integer, no row", columns: "a integer", key: "a", rows: "SELECT 1 WHERE false"),
        Case(
            name: "uuid",
            columns: "a uuid",
            key: "a",
            rows: "SELECT md5(n::text)::uuid FROM generate_series(1, 4000) n"
        ),
        Case(
            name: "text with quotes, cases and accents",
            columns: "a text",
            key: "a",
            rows:
                "SELECT (ARRAY['a','A','é','''','\"','\\','_','-',' '])[1 + n % 9] || n FROM generate_series(1, 4000) n"
        ),
        Case(
            name: "timestamptz with infinities and years before Christ",
            columns: "a timestamptz",
            key: "a",
            rows: """
                SELECT timestamptz '2020-01-01' + n * interval '1 hour' FROM generate_series(1, 4000) n
                UNION SELECT 'infinity' UNION SELECT '-infinity' UNION SELECT '0044-03-15 12:00 BC'
                """
        ),
        Case(
            name: "bytea",
            columns: "a bytea",
            key: "a",
            rows:
                "SELECT decode(md5(n::text), 'hex') FROM generate_series(1, 4000) n UNION SELECT '' UNION SELECT '\\x00'"
        ),
        Case(
            name: "numeric with infinities, not a number and scales",
            columns: "a numeric",
            key: "a",
            rows: """
                SELECT n * 1.10 FROM generate_series(1, 4000) n UNION SELECT 'NaN' UNION SELECT 'Infinity'
                UNION SELECT '-Infinity' UNION SELECT 1e300 UNION SELECT -1e-300
                """
        ),
        Case(
            name: "an enum and a number",
            columns: "a mood, b integer",
            key: "a, b",
            rows: "SELECT (enum_range(NULL::mood))[1 + n % 3], n FROM generate_series(1, 4000) n",
            setup: "CREATE TYPE mood AS ENUM ('z', 'a', 'm');"
        ),
        Case(
            name: "a domain over an enum and a domain over a number",
            columns: "a moody, b positive",
            key: "a, b",
            rows: "SELECT (enum_range(NULL::mood))[1 + n % 3], n FROM generate_series(1, 4000) n",
            setup: """
                CREATE TYPE mood AS ENUM ('z', 'a', 'm'); CREATE DOMAIN moody AS mood;
                CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
                """
        ),
        Case(
            name: "citext",
            columns: "a citext",
            key: "a",
            rows: "SELECT (CASE WHEN n % 2 = 0 THEN 'aB' ELSE 'Ab' END) || n FROM generate_series(1, 4000) n",
            setup: "CREATE EXTENSION citext;"
        ),
        Case(
            name: "ltree",
            columns: "a ltree",
            key: "a",
            rows: "SELECT ('top.b' || n || '.c')::ltree FROM generate_series(1, 4000) n",
            setup: "CREATE EXTENSION ltree;"
        ),
        Case(
            name: "a range",
            columns: "a int4range",
            key: "a",
            rows: "SELECT int4range(n, n + 5) FROM generate_series(1, 4000) n UNION SELECT 'empty' UNION SELECT '(,)'"
        ),
        Case(
            name: "a composite type and an array",
            columns: "a pair, b text[]",
            key: "a, b",
            rows: "SELECT ROW(n % 7, 'é' || n)::pair, ARRAY['x', n::text] FROM generate_series(1, 4000) n",
            setup: "CREATE TYPE pair AS (x integer, y text);"
        ),
        Case(
            name: "composite with equal prefixes",
            columns: "a integer, b text, c date",
            key: "a, b, c",
            rows: """
                SELECT n % 3, CASE WHEN n < 3900 THEN 'same' ELSE n::text END, date '2020-01-01' + n
                FROM generate_series(1, 4000) n
                """
        ),
    ]

    @Test(arguments: Cases.some(6, of: cases)) func `hold every row once, for every distribution`(of example: Case)
        async throws
    {
        try await DatabasePair.with(
            "\(example.setup) CREATE TABLE t (\(example.columns), PRIMARY KEY (\(example.key))); INSERT INTO t \(example.rows); ANALYZE t"
        ) { pair in
            let counts = try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
                try await connection.run { connection in
                    let catalog = try DatabaseCatalog(of: connection)
                    let table = try #require(catalog.table(QualifiedName(schema: "public", name: "t")))
                    let key = try #require(
                        Key.choose(
                            for: table,
                            among: catalog.indexes,
                            earlier: nil,
                            TextOrder(catalog.identity, catalog.identity)
                        )
                    )
                    let bounds = try KeyDistribution(connection).bounds(
                        of: table.rows,
                        key: key,
                        count: 16,
                        bytes: table.tableBytes
                    )
                    return try KeyRange.between(bounds).map { range in
                        try connection.queryOne(
                            "SELECT count(*) AS n FROM ONLY \(table.qualifiedName) WHERE \(range.condition(on: key))"
                        ).integer("n")
                    }
                }
            }
            let rows = Int(try await pair.source.value("SELECT count(*) FROM t")) ?? -1
            #expect(counts.reduce(0, +) == rows, "\(counts)")
            #expect(counts.count == min(16, max(1, rows)))
            if rows > 100 {
                #expect(
                    counts.allSatisfy { $0 > rows / 32 && $0 < rows / 8 },
                    "chunks should be about equal: \(counts)"
                )
            }
        }
    }

    @Test func `are half open and leave nothing out`() {
        let key = Key(parts: [.init(name: "id", type: "bigint", comparison: .native)], indexName: "pk")
        let ranges = KeyRange.between([["-5"], ["7"]])
        #expect(ranges.map(\.description) == ["[-∞, -5)", "[-5, 7)", "[7, ∞)"])
        #expect(ranges[1].condition(on: key).text == #""id" >= '-5'::bigint AND "id" < '7'::bigint"#)
        #expect(KeyRange.everything.condition(on: key).text == "true")
    }

    @Test func `compare text byte by byte where the servers may sort it differently`() {
        let key = Key(
            parts: [
                .init(name: "a", type: "integer", comparison: .native),
                .init(name: "b", type: "text", comparison: .bytewise),
            ],
            indexName: "pk"
        )
        let range = KeyRange(lower: ["1", "it's"], upper: nil)
        #expect(
            range.condition(on: key).text
                == #"("a", "b" COLLATE pg_catalog."C") >= ('1'::integer, 'it''s'::text)"#
        )
    }
}
