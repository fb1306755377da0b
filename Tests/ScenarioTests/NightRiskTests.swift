import Catalog
import Foundation
import Postgres
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `Risks of the night` {
    @Test func `are named by inspect, days ahead`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE events (id int PRIMARY KEY);
            CREATE TABLE keyless (v text); INSERT INTO keyless SELECT repeat(md5(n::text), 30) FROM generate_series(1, 80000) n;
            CREATE UNLOGGED TABLE cache (id int PRIMARY KEY);
            CREATE SEQUENCE small AS smallint; SELECT setval('small', 30000);
            CREATE SEQUENCE down INCREMENT -1 MINVALUE -100 MAXVALUE 100; SELECT setval('down', -90);
            CREATE SEQUENCE fresh AS smallint; CREATE SEQUENCE cycling MAXVALUE 10 CYCLE; SELECT setval('cycling', 9);
            ANALYZE
            """
        ) { pair in
            let found = try await pair.migration().inspect().findings.map { "\($0.code) \($0.object)" }
            let expected = [
                "sequence.near-its-end public.down", "sequence.near-its-end public.small",
                "table.no-key public.keyless",
                "table.unlogged public.cache",
            ]
            #expect(found.filter { !$0.hasPrefix("client.") }.sorted() == expected, "\(found)")
        }
    }

    @Test func `are none in a clean database`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id bigserial PRIMARY KEY, v text); INSERT INTO t (v) SELECT 'v' FROM generate_series(1, 100)"
        ) { pair in
            let found = try await pair.migration().inspect().findings.map(\.code)
            #expect(found.filter { !$0.hasPrefix("client.") } == [])
        }
    }

    @Test func `are exchanged connection strings`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let exchanged = Migration(
                source: try Endpoint(pair.target.conninfo, side: .source),
                target: try Endpoint(pair.source.conninfo, side: .target),
                options: pair.migration().options
            )
            let report = try await exchanged.inspect()
            #expect(report.findings.map(\.code).contains("database.exchanged"), "\(report.text)")
            #expect(!report.isClear)
        }
    }

    @Test func `are transactions that have been open for long`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let old = try Connection(to: pair.source.endpoint, purpose: "forgotten report", interrupter: Interrupter())
            try old.execute("BEGIN")
            try old.execute("SELECT count(*) FROM public.t")
            try await Task.sleep(for: .milliseconds(1500))
            let risks = try await Connection.with(pair.source.endpoint, purpose: "test") { try NightRisk.all(on: $0) }
            let risk = try #require(risks.first { $0.kind == "long transaction" })
            #expect(risk.name.string.hasPrefix("forgotten report (server process ") && risk.amount < 300)
            #expect(NightInspection.findings([risk], plan: nil) == [])
            let long = NightRisk(kind: risk.kind, schema: nil, name: risk.name, amount: 3600, detail: risk.detail)
            let finding = try #require(NightInspection.findings([long], plan: nil).first)
            #expect(finding.code == "session.long-transaction" && finding.message.contains("60 minutes"))
            try old.execute("ROLLBACK")
        }
    }

    @Test func `are a database close to wraparound`() throws {
        let risk = NightRisk(kind: "transaction ids", schema: nil, name: "shop", amount: 1_500_000_000, detail: nil)
        #expect(NightInspection.findings([risk], plan: nil).map(\.code) == ["database.wraparound"])
    }
}
