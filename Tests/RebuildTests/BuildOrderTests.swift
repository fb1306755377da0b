import Catalog
import Ledger
import Postgres
import Rebuild
import TestSupport
import Testing

@Suite struct `The order of builds` {
    @Test func `starts with the index whose rows are in random order, even if its entries share keys`() async throws {
        let schema = """
            CREATE TABLE t (id int, day int, account int);
            INSERT INTO t SELECT n, n / 10, (n * 7919) % 100 FROM generate_series(1, 40000) n;
            CREATE INDEX t_id ON t (id); CREATE INDEX t_account ON t (account); CREATE INDEX t_part ON t (day) WHERE id < 100;
            ANALYZE t
            """
        try await DatabasePair.with(schema) { pair in
            let objects = try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { source in
                try await source.run { connection in
                    RebuildPlan(source: try DatabaseCatalog(of: connection), excluding: []).objects(keys: [:])
                }
            }
            #expect(objects.sorted { $0.bytes > $1.bytes }.map(\.name) == ["t_account", "t_id", "t_part"])
            let (account, id) = (
                try await pair.source.value("SELECT pg_relation_size('t_account')"),
                try await pair.source.value("SELECT pg_relation_size('t_id')")
            )
            #expect(try #require(Int(account)) < #require(Int(id)), "otherwise nothing is tested")
        }
    }
}
