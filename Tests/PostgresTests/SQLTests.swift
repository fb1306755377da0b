import Postgres
import TestSupport
import Testing

@Suite struct `A statement` {
    @Test func `quotes names, escapes literals and binds values`() {
        let name = QualifiedName(schema: "s\"x", name: "t")
        let sql: SQL =
            "SELECT \(Identifier("a\"; DROP")) FROM \(name) WHERE b = \(literal: "it's") AND c = \(value: "v") LIMIT \(5)"
        #expect(sql.text == #"SELECT "a""; DROP" FROM "s""x"."t" WHERE b = 'it''s' AND c = $1 LIMIT 5"#)
    }

    @Test func `numbers parameters across its parts`() {
        let part: SQL = "b = \(value: "2")"
        let whole: SQL = "a = \(value: "1") AND \(part) AND c = \(value: 3)"
        #expect(whole.text == "a = $1 AND b = $2 AND c = $3")
    }

    @Test(
        arguments: Cases.some(
            3,
            of: [
                "plain", "with space", "quo\"te", "apos'trophe", "back\\slash", "new\nline", "ünïcode 表", "select",
                "%I", "$1",
                "';DROP TABLE x;--", String(repeating: "x", count: 63), "\u{202E}rtl", "a.b",
            ]
        )
    )
    func `keeps any name and any text on the way to a server and back`(text: String) async throws {
        let name = ServerText(text)
        try await DatabasePair.with { pair in
            let (read, bound) = try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
                try await connection.run { connection in
                    let table = QualifiedName(schema: "public", name: name)
                    try connection.execute("CREATE TABLE \(table) (\(Identifier(name)) text)")
                    try connection.execute("INSERT INTO \(table) VALUES (\(literal: name))")
                    let row = try connection.queryOne(
                        "SELECT \(Identifier(name)) AS v, \(value: name)::text AS p FROM \(table)"
                    )
                    return (row["v"], row["p"])
                }
            }
            #expect(read == name)
            #expect(bound == name)
        }
    }

    @Test func `shows hostile names without letting them forge a line`() {
        #expect(QualifiedName(schema: "public", name: "x\ny").description == "public.\"x\\u{a}y\"")
        #expect(QualifiedName(schema: "public", name: "a\u{202E}b").description == "public.\"a\\u{202e}b\"")
        #expect(QualifiedName(schema: "Sales", name: "orders").description == "Sales.orders")
    }
}

@Suite struct `A snapshot` {
    @Test func `is read from its text form and written back`() throws {
        let snapshot = try #require(Snapshot("726:728:726,727"))
        #expect(snapshot.xmin == 726)
        #expect(snapshot.xmax == 728)
        #expect(snapshot.inFlight == [726, 727])
        #expect(snapshot.description == "726:728:726,727")
        #expect(Snapshot("5000000000:5000000001:")?.xmin == 5_000_000_000)
    }

    @Test(arguments: ["", "1:2", "2:1:", "a:b:c", "1:2:x", "1:2:3:4"])
    func `refuses anything else`(text: String) {
        #expect(Snapshot(text) == nil)
    }
}

@Suite struct `A PostgreSQL error` {
    @Test(arguments: [
        ("08006", true), ("40001", true), ("40P01", true), ("53300", true), ("55P03", true), ("57P01", true),
        ("23505", false), ("42501", false), ("42P01", false), ("22021", false), ("53100", false), ("57014", false),
    ])
    func `knows whether a new connection may succeed`(sqlState: String, isTransient: Bool) {
        #expect(PostgresError(.statementFailed, "x", sqlState: sqlState).isTransient == isTransient)
    }

    @Test func `is described without row data`() {
        let error = PostgresError(
            .copyFailed,
            "duplicate key",
            sqlState: "23505",
            detail: "Key (ssn)=(123)",
            hint: "look"
        )
        .during("COPY").during("public.people chunk 3")
        #expect(error.description == "public.people chunk 3: COPY: duplicate key (SQLSTATE 23505)\nHINT: look")
    }
}

@Suite struct `A server's version` {
    @Test(arguments: [
        (130_021, false), (140_000, true), (140_003, true), (140_004, false), (140_019, false), (150_018, false),
    ])
    func `knows whether it builds corrupt indexes concurrently`(number: Int, corrupts: Bool) {
        #expect(ServerVersion(number: number).corruptsConcurrentBuilds == corrupts)
    }
}
