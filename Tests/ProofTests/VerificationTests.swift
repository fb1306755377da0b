import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A verification` {
    @Test func `reads numbers as text, so that a lost zero is found`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY, n numeric); INSERT INTO t VALUES (1, 1.50), (2, 2)"
        ) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run("UPDATE t SET n = 1.5 WHERE id = 1")
            #expect(try await pair.target.value("SELECT count(*) FROM t WHERE n = 1.50") == "1")
            #expect(try await pair.migration().verify().outcome == .differs)
        }
    }

    @Test func `names the rows and columns that differ, and their values only when asked to`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t ("Id" int, part text, v text, n numeric, b bytea, PRIMARY KEY ("Id", part));
            INSERT INTO t SELECT n, 'p ' || n % 3, 'secret ' || n, n, '\\x00ff' FROM generate_series(1, 300) n;
            CREATE TABLE nameless (v text); INSERT INTO nameless VALUES ('secret'), ('secret');
            CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big SELECT n, n FROM generate_series(1, 4000) n
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                "UPDATE t SET v = NULL, b = '\\x01' WHERE \"Id\" = 5; DELETE FROM t WHERE \"Id\" = 6",
                "INSERT INTO t VALUES (7, 'p 9', 'secret', 1, NULL); UPDATE nameless SET v = 'other secret'",
                "UPDATE big SET v = 'x'"
            )
            let silent = try await pair.migration().verify().verification?.findings ?? []
            func of(_ findings: [Finding], _ object: String) -> Finding? { findings.first { $0.object == object } }
            let changed = try #require(of(silent, "public.t (Id, part) = (5,\"p 2\")"))
            #expect(changed.code == "rows.value" && changed.message == "its v, b differ")
            #expect(changed.source == "v = ..., b = ..." && changed.target == "v = NULL, b = ...")
            #expect(
                of(silent, "public.big (id) = (1)").map { $0.source == nil && $0.message == "its v differs" } != false
            )
            #expect(of(silent, "public.t (Id, part) = (6,\"p 0\")")?.code == "rows.missing")
            #expect(of(silent, "public.t (Id, part) = (7,\"p 9\")")?.code == "rows.extra")
            #expect(of(silent, "public.nameless")?.code == "rows.differ")
            #expect(!silent.contains { "\($0)".contains("secret") })
            #expect(silent.count { $0.object.hasPrefix("public.big (id)") } == 100)
            #expect(silent.contains { $0.code == "rows.more" && $0.object == "public.big" })

            let open = try await pair.migration { $0.showsValues = true }.verify().verification?.findings ?? []
            let shown = try #require(of(open, "public.t (Id, part) = (5,\"p 2\")"))
            #expect(shown.source == "v = secret 5, b = \\x00ff" && shown.target == "v = NULL, b = \\x01")
        }
    }

    /// PostgreSQL's hashes of these types fold 64 bits into 32 before mixing them.
    @Test(arguments: [
        ("bigint", "-1", "4294967295"), ("bigint", "0", "4294967297"),
        ("timestamp", "'2024-02-29 10:00:00'", "'2024-02-29 11:11:34.967297'"),
        ("timestamp", "'2024-02-29 10:00:00'", "'2024-02-29 11:11:34.967295'"),
        ("timestamptz", "'2024-02-29 10:00:00+00'", "'2024-02-29 11:11:34.967297+00'"),
        ("timestamptz", "'2024-02-29 10:00:00+00'", "'2024-02-29 11:11:34.967295+00'"),
        ("time", "'00:00:00'", "'01:11:34.967297'"),
    ])
    func `distinguishes values whose PostgreSQL hashes are equal`(
        _ type: String,
        _ ours: String,
        _ theirs: String
    )
        async throws
    {
        let table = "CREATE TABLE t (id int PRIMARY KEY, v \(type)); INSERT INTO t VALUES (1, \(ours))"
        try await DatabasePair.with(table) { pair in
            try await pair.target.run(table, "UPDATE t SET v = \(theirs)")
            let report = try await pair.migration().verify()
            #expect(report.verification?.findings.map(\.code).contains("rows.value") == true, "\(report.text)")
        }
    }

    /// Since PostgreSQL 18, a column may be NOT NULL although its rows were never checked.
    @Test func `sees a row that has NULL where the catalog says NOT NULL`() async throws {
        try await DatabasePair.with { pair in
            guard try await pair.source.majorVersion() >= 18 else { return }
            for (database, value) in [(pair.source, "a"), (pair.target, "b")] {
                try await database.run(
                    "CREATE TABLE t (id int PRIMARY KEY, v int, x text); INSERT INTO t VALUES (1, NULL, '\(value)')",
                    "ALTER TABLE t ADD CONSTRAINT n NOT NULL v NOT VALID"
                )
            }
            let report = try await pair.migration().verify()
            #expect(report.verification?.findings.map(\.code).contains("rows.value") == true, "\(report.text)")
        }
    }

    @Test(.disabled(if: HostileDatabase.isWanted, "The target would lack its casts."))
    func `compares small tables together, and names the one the server refuses to read`() async throws {
        let tables = (1...60).map { "CREATE TABLE t\($0) (id int PRIMARY KEY); INSERT INTO t\($0) VALUES (1), (2);" }
        try await DatabasePair.with(tables.joined() + "ANALYZE") { pair in
            try await pair.target.run(tables.joined(), "ANALYZE")
            let majors = (try await pair.source.majorVersion(), try await pair.target.majorVersion())
            // Since version 15 only the owner of a new database may create tables in public.
            if majors.0 < 15, majors.1 >= 15 {
                try await pair.target.run("ALTER SCHEMA public OWNER TO postgres; GRANT ALL ON SCHEMA public TO PUBLIC")
            }
            #expect(try await pair.migration().verify().outcome == .done)
            try await pair.target.run("UPDATE t40 SET id = 3 WHERE id = 2; DELETE FROM t41")
            let told = try await pair.migration().verify()
            #expect(
                Set(told.verification?.findings.map { $0.object.prefix(10) } ?? []) == ["public.t40", "public.t41"]
            )
            let refused = try await pair.migration {
                $0.plan.filters[QualifiedName(schema: "public", name: "t42")] = "1 / (id - 2) < 1"
            }.verify()
            let notProven = refused.verification?.notProven ?? []
            #expect(notProven.count == 1 && notProven.first?.contains("public.t42") == true, "\(refused.text)")
            #expect(notProven.first?.contains("division by zero") == true, "\(refused.text)")
            #expect(refused.verification?.tables.count == 59)
            #expect(refused.verification?.findings == told.verification?.findings)
        }
    }

    @Test func `counts each table again without any index`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 3000) n; ANALYZE t"
        ) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            let report = try await pair.migration().verify()
            let table = try #require(report.verification?.tables.first)
            #expect(table.ranges > 3)
            #expect(table.sourceRows == 3000)
            #expect(report.verification?.notProven == [])
        }
    }
}
