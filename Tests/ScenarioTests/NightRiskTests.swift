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

    @Test func `are found on a source alone, before there is a target`() async throws {
        try await DatabasePair.with(
            """
            CREATE UNLOGGED TABLE cache (id int PRIMARY KEY);
            CREATE FUNCTION half(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN whole($1) / 2; END';
            CREATE FUNCTION whole(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
            CREATE TABLE t (id int PRIMARY KEY); CREATE INDEX ON t (half(id)); INSERT INTO t VALUES (1);
            """
        ) { pair in
            let report = try await SourceInspection(source: pair.source.endpoint).run()
            let codes = report.findings.map(\.code).filter { !$0.hasPrefix("client.") }
            #expect(codes == ["index.needs-search-path", "table.unlogged"], "\(report.text)")
            #expect(report.target == nil && !report.isClear)
            try await pair.source.run("DROP INDEX t_half_idx")
            #expect(try await SourceInspection(source: pair.source.endpoint).run().isClear)
        }
    }

    @Test func `are another encoding and another collation of the target`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let administration = try TestDatabase(TestServers.target(database: "postgres"), side: .target)
            let cases = [
                ("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'", "other-encoding"),
                ("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'", "other-collation"),
                ("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", "other-collation"),
            ]
            let ours = try await pair.source.value(
                "SELECT datcollate FROM pg_database WHERE datname = current_database()"
            )
            for (options, problem) in cases {
                try await administration.run("DROP DATABASE \(pair.name)")
                try await administration.run("CREATE DATABASE \(pair.name) TEMPLATE template0 \(options)")
                let codes = try await pair.migration().inspect().findings.map(\.code)
                let isSame = problem == "other-collation" && options.contains("LC_COLLATE '\(ours)'")
                #expect(codes.contains("database.\(problem)") != isSame, "\(options) \(ours) \(codes)")
            }
        }
    }

    @Test func `are too few connections for a run`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let role = "few_\(pair.name)"
            try await pair.createRole(role, "LOGIN CONNECTION LIMIT 5")
            try await pair.source.run("GRANT SELECT ON t TO \(role)")
            func codes(jobs: Int) async throws -> [String] {
                var options = pair.migration().options
                options.jobs = jobs
                let limited = Migration(
                    source: try Endpoint(
                        pair.source.conninfo.replacing("user=postgres", with: "user=\(role)"),
                        side: .source
                    ),
                    target: pair.target.endpoint,
                    options: options
                )
                return try await limited.inspect().findings.filter { $0.kind == "server" }.map {
                    "\($0.code) \($0.object)"
                }
            }
            #expect(try await codes(jobs: 1) == [])
            #expect(try await codes(jobs: 2) == ["server.too-few-connections source"])
            try await pair.source.run(
                "ALTER ROLE \(role) CONNECTION LIMIT -1; ALTER DATABASE \(pair.name) CONNECTION LIMIT 5"
            )
            #expect(try await codes(jobs: 2) == ["server.too-few-connections source"])
        }
    }
}
