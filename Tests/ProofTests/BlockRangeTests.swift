import Planning
import Postgres
import TestSupport
import Testing
import Verification

@Suite struct `Parts of a table's file` {
    /// Few rows per block, so that there are many blocks.
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text) WITH (fillfactor = 10);
        INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, 1000) n; DELETE FROM t WHERE id % 7 = 0
        """

    @Test(arguments: [1, 7, 100, 100_000]) func `leave no row out and take none twice`(size: Int) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let blocks = try #require(Int(try await pair.source.value("SELECT pg_relation_size('t') / 8192")))
            try #require(blocks > 200)
            let parts = BlockRange.all(of: blocks, inEach: size)
            #expect(parts.count == max(1, blocks / size))
            // Rows added after the file was measured are in the last part.
            try await pair.source.run("INSERT INTO t SELECT n, repeat('y', 200) FROM generate_series(1001, 1100) n")
            var queue = CountQueue([("t", parts), ("other", BlockRange.all(of: 0, inEach: 1))])
            var whole: TableCount?
            while let part = queue.next() {
                guard part.table == "t" else {
                    #expect(queue.add(TableCount(), of: part)?.rows == 0)
                    continue
                }
                #expect(whole == nil, "the total was returned before the last part")
                let row = try await pair.source.value(
                    "SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM t WHERE \(part.blocks.condition.text.string)"
                ).split(separator: " ")
                let count = TableCount(rows: try #require(Int(row[0])), sum: try #require(Int128(row[1])))
                whole = queue.add(count, of: part)
            }
            let expected = try await pair.source.value("SELECT count(*) || ' ' || sum(id) FROM t")
            #expect(whole.map { "\($0.rows) \($0.sum)" } == expected)
            #expect(queue.tables.isEmpty)
        }
    }

    @Test(arguments: ["VACUUM FULL t", "CLUSTER t USING t_pkey"])
    func `are all read again if the table is rewritten in between`(rewrite: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let blocks = try #require(Int(try await pair.source.value("SELECT pg_relation_size('t') / 8192")))
            var queue = CountQueue([("t", BlockRange.all(of: blocks, inEach: 10))])
            let parts = queue.tables.count * blocks / 10
            var (whole, reads) = (nil as TableCount?, 0)
            while let part = queue.next() {
                let row = try await pair.source.value(
                    """
                    SELECT count(*) || ' ' || pg_relation_filenode('t') FROM t
                    WHERE \(part.blocks.condition.text.string)
                    """
                ).split(separator: " ").compactMap { Int($0) }
                reads += 1
                // The rows move to the front of another file.
                if reads == parts / 2 { try await pair.source.run(rewrite) }
                whole = queue.add(TableCount(rows: row[0], files: [row[1]]), of: part)
            }
            #expect(whole?.rows == Int(try await pair.source.value("SELECT count(*) FROM t")))
            #expect(reads == 2 * parts)
        }
    }

    @Test func `are read without reading the others`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            // Older servers read each table as one part.
            guard Int(try await pair.source.value("SELECT current_setting('server_version_num')")) ?? 0 >= 140000 else {
                return
            }
            let part = try #require(BlockRange.all(of: 200, inEach: 10).dropFirst().first)
            let question: SQL = "EXPLAIN SELECT count(*) FROM ONLY public.t WHERE \(part.condition)"
            let plan = try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { source in
                try await source.run { try $0.query(question).compactMap { $0["QUERY PLAN"] } }
            }
            #expect(plan.contains { $0.contains("Tid Range Scan") }, "\(plan)")
        }
    }
}
