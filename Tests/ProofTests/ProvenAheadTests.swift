import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `What was proven ahead` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, v text);
        INSERT INTO t SELECT n, repeat(md5(n::text), 6) FROM generate_series(1, 12000) n;
        ANALYZE t;
        """

    @Test(.onceIn(2))
    func `is checked in one reading of the table, although its chunks were proven at different times`()
        async throws
    {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            let chunks = try #require(Int(try await pair.target.value("SELECT count(*) FROM tidemark.chunk")))
            try #require(chunks > 20)
            for remainder in 0..<3 {
                // Every third chunk is read and proven again.
                try await pair.source.run("UPDATE t SET v = 'new' WHERE id / 500 % 3 = \(remainder) AND id % 100 = 0")
                try await pair.source.untilMarksTell()
                _ = try await pair.migration().precopy()
            }
            try await pair.source.run("INSERT INTO t VALUES (12001, 'tonight')")
            let fetched = "SELECT idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 't'"
            let before = try await pair.source.value(fetched)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.text.contains("\(chunks) ranges proven before"), "\(report.text)")
            try await Task.sleep(for: .milliseconds(1200))
            // By its index, each chunk would fetch hundreds of rows. Before version 14 a file cannot be read in parts.
            guard try await pair.source.majorVersion() >= 14 else { return }
            #expect(try await (Int(pair.source.value(fetched)) ?? 0) - (Int(before) ?? 0) < 100)
        }
    }
}
