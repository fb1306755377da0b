import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `Transactions on the source` {
    /// One table in the order of its key, one with scattered keys.
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, v text);
        INSERT INTO t SELECT n, repeat(md5(n::text), 6) FROM generate_series(1, 60000) n;
        CREATE TABLE r (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v text);
        INSERT INTO r (v) SELECT repeat(md5(n::text), 6) FROM generate_series(1, 60000) n;
        ANALYZE;
        """

    @Test func `stay short in a precopy: chunks that take longer are cut`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            var migration = pair.migration(chunkBytes: 4 << 20)
            migration.options.longestTransaction = .milliseconds(5)
            migration.options.jobs = 1
            _ = try await migration.precopy()
            let chunks =
                "SELECT count(*) FROM tidemark.chunk JOIN tidemark.relation USING (relation_id) WHERE table_name"
            #expect(try await (Int(pair.target.value("\(chunks) = 't'")) ?? 0) > 8)
            #expect(try await pair.target.value("SELECT count(*) FROM tidemark.slice") == "0")
            try await pair.source.run("UPDATE t SET v = 'new' WHERE id % 5000 = 0; DELETE FROM r WHERE v LIKE '00%'")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }
}
