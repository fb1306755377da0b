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

    @Test func `counts each table once more without any index`() async throws {
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
