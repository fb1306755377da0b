import Ledger
import Planning
import Postgres
import TestSupport
import Testing
import Tidemark
import Transfer

/// The holder of a snapshot gives way to whoever wants to change a table in production.
@Suite struct `Workers that share a snapshot` {
    private static let schema = """
        CREATE TABLE r (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v text);
        INSERT INTO r (v) SELECT repeat('r', 200) FROM generate_series(1, 3000);
        """

    @Test(arguments: ["VACUUM FULL r", "TRUNCATE r", "VACUUM r"])
    func `do not read a table that was rewritten between them`(_ change: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("DELETE FROM r WHERE ctid < '(20,0)'")
            let target = try Connection(to: pair.target.endpoint, purpose: "test", interrupter: Interrupter())
            let relation = try #require(try Ledger(target).relations().first)
            let identity = MarkIdentity(try #require(try Ledger.run(on: target)).source)

            let holder = try Connection(to: pair.source.endpoint, purpose: "holder", interrupter: Interrupter())
            try holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE public.r IN ACCESS SHARE MODE")
            let row = try holder.queryOne(
                "SELECT pg_catalog.pg_export_snapshot() AS id, pg_catalog.txid_current_snapshot()::text AS snapshot"
            )
            let shared = SharedSnapshot(identifier: try row.word("id"), snapshot: try row.snapshot("snapshot"))
            let context = PassContext(
                pass: 2,
                claimant: Claimant(epoch: 1),
                relations: [relation],
                identity: identity,
                snapshot: shared
            )
            func lane() throws -> Lane {
                try Lane(
                    source: pair.source.endpoint,
                    target: pair.target.endpoint,
                    number: 1,
                    purpose: "lane",
                    interrupter: Interrupter()
                )
            }
            let (first, second) = (try lane(), try lane())
            // The first worker has read the table, and has ended its transaction.
            _ = try first.reading(in: shared) { try first.mark(of: relation, in: context) }
            try first.recover()
            // The second has imported the snapshot, and gets its lock only after somebody to whom the holder gave way.
            try second.reading(in: shared) { _ = try second.source.query("SELECT 1 AS one") }
            try holder.execute("ROLLBACK")
            try await pair.source.run(change)
            if change == "VACUUM r" {
                _ = try second.reading(in: shared) { try second.mark(of: relation, in: context) }
            } else {
                let error = #expect(throws: PostgresError.self) {
                    try second.reading(in: shared) { _ = try second.mark(of: relation, in: context) }
                }
                #expect(error?.code == .snapshotLost)
            }
        }
    }
}
