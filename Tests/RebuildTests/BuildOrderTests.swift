import Catalog
import Ledger
import Postgres
import Rebuild
import Report
import TestSupport
import Testing
import Tidemark

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

    @Test(.enabled("older servers have no tablespaces in place", TestServers.areBothSince15))
    func `leaves no index in the tablespace of the one before it`() async throws {
        let schema = "CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY, n int)"
        try await DatabasePair.with(schema) { pair in
            for side in [pair.source, pair.target] {
                // Another run of this test may have created it.
                try? await side.session { session in
                    try await session.run("SET allow_in_place_tablespaces = on")
                    try await session.run("CREATE TABLESPACE build_place LOCATION ''")
                }
            }
            try await pair.source.run("CREATE INDEX a_n ON a (n) TABLESPACE build_place; CREATE INDEX b_n ON b (n)")
            // Small tables: all of their keys and indexes are built in one transaction.
            let migration = pair.migration(wholeBelowBytes: 8 << 20)
            _ = try await migration.precopy()
            let report = try await migration.cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(
                try await pair.target.column(
                    """
                    SELECT c.relname FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace
                    WHERE t.spcname = 'build_place' ORDER BY 1
                    """
                ) == ["a_n"]
            )
        }
    }
}
