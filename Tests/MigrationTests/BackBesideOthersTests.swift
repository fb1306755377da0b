import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Only some rows of a table were moved, and others go on using the old database.
@Suite struct `The way back beside others` {
    private static let largeObjects =
        "SELECT oid || ' ' || encode(lo_get(oid), 'escape') FROM pg_largeobject_metadata ORDER BY oid"

    private static func back(_ pair: DatabasePair) async throws -> RunReport {
        try await Migration(
            source: Endpoint(pair.target.conninfo, side: .source),
            target: Endpoint(pair.source.conninfo, side: .target),
            options: MigrationOptions()
        ).back()
    }

    @Test func `leaves rows alone that were not moved`() async throws {
        let schema = """
            CREATE TABLE t (id int PRIMARY KEY, tenant int NOT NULL, v text); ANALYZE;
            INSERT INTO t SELECT n, n % 2, 'old' FROM generate_series(1, 4000) n
            """
        try await DatabasePair.with(schema) { pair in
            let migration = pair.migration {
                $0.plan.filters[QualifiedName(schema: "public", name: "t")] = "tenant = 1"
            }
            _ = try await migration.precopy()
            #expect(try await migration.cutover().outcome == .done)
            let others = "SELECT count(*) || ' ' || sum(hashtext(t::text)) FROM t WHERE tenant = 0"
            let before = try await pair.source.value(others)
            // Keys that are gone, so that all keys that remain have to be compared.
            try await pair.target.run(
                "DELETE FROM t WHERE id % 100 = 1; UPDATE t SET id = id + 10000 WHERE id % 100 = 3"
            )
            let report = try await Self.back(pair)
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.source.value(others) == before)
            let moved = "SELECT count(*) || ' ' || sum(hashtext(t::text)) FROM t WHERE tenant = 1"
            #expect(try await pair.source.value(moved) == pair.target.value(moved))
        }
    }

    /// Others go on working with the rows that were not moved.
    @Test func `touches nothing of those who stay, whatever both sides have written`() async throws {
        let schema = """
            CREATE TABLE t (id serial PRIMARY KEY, tenant int NOT NULL, v text);
            INSERT INTO t (tenant, v) SELECT n % 2, 'old' FROM generate_series(1, 4000) n;
            CREATE SEQUENCE invoice_no; SELECT setval('invoice_no', 50); SELECT lo_from_bytea(4711, 'before'); ANALYZE
            """
        try await DatabasePair.with(schema) { pair in
            let migration = pair.migration {
                $0.plan.filters[QualifiedName(schema: "public", name: "t")] = "tenant = 1"
            }
            _ = try await migration.precopy()
            #expect(try await migration.cutover().outcome == .done)
            try await pair.source.run(
                """
                INSERT INTO t (tenant, v) VALUES (0, 'theirs'), (0, 'theirs'); SELECT setval('invoice_no', 90);
                SELECT lo_from_bytea(4712, 'theirs')
                """
            )
            try await pair.target.run(
                """
                INSERT INTO t (tenant, v) VALUES (1, 'new'); UPDATE t SET v = 'changed' WHERE id = 7;
                SELECT nextval('invoice_no'); SELECT lo_from_bytea(4713, 'new')
                """
            )
            let state = """
                SELECT count(*) || ' ' || sum(hashtext(t::text)) || ' ' || (SELECT last_value FROM invoice_no) || ' '
                       || (SELECT string_agg(encode(lo_get(oid), 'escape'), ' ' ORDER BY oid) FROM pg_largeobject_metadata) FROM t
                """
            let before = try await pair.source.value(state)
            func refused() async throws -> String {
                let error = await #expect(throws: (any Error).self) { _ = try await Self.back(pair) }
                #expect(try await pair.source.value(state) == before)
                return error.map { "\($0)" } ?? ""
            }
            // Both have given out the key 4001.
            let words = try await refused()
            #expect(words.contains("Both databases gave out the same key"), "\(words)")
            try await pair.target.run("UPDATE t SET id = 5001 WHERE id = 4001; UPDATE t SET tenant = 2 WHERE id = 9")
            let beside = try await refused()
            #expect(
                beside.contains("1 row(s) of public.t on the new database do not satisfy the condition"),
                "\(beside)"
            )
            try await pair.target.run("UPDATE t SET tenant = 1 WHERE id = 9; SELECT lo_put(4711, 0, 'ours')")
            let object = try await refused()
            #expect(object.contains("large object 4711 differs between the two databases"), "\(object)")
            try await pair.target.run("SELECT lo_unlink(4711); SELECT lo_from_bytea(4711, 'before')")
            let report = try await Self.back(pair)
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.source.value("SELECT count(*) FROM t WHERE v = 'theirs'") == "2")
            #expect(
                try await pair.source.value("SELECT string_agg(v, ' ' ORDER BY id) FROM t WHERE id IN (7, 5001)")
                    == "changed new"
            )
            #expect(try await pair.source.value("SELECT last_value FROM invoice_no") == "90")
            #expect(try await pair.source.column(Self.largeObjects) == ["4711 before", "4712 theirs", "4713 new"])
        }
    }
}
