import Postgres
import TestSupport
import Testing
import Tidemark

@Suite(.enabled("PgBouncer is installed", PgBouncer.isInstalled)) struct `A connection pooler` {
    private static let schema = """
        CREATE TABLE t (id bigserial PRIMARY KEY, v text DEFAULT 'x'); INSERT INTO t (v) SELECT md5(n::text) FROM generate_series(1, 3000) n;
        CREATE TABLE w (id int, at timestamptz DEFAULT '2026-01-01 12:00+09'); INSERT INTO w VALUES (1); CREATE INDEX ON t (v); ANALYZE
        """

    @Test func `is as good as the server if it keeps a session for each client`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await PgBouncer.with(TestServers.port(of: pair.source.conninfo), mode: "session") { source in
                try await PgBouncer.with(TestServers.port(of: pair.target.conninfo), mode: "session") { target in
                    let migration = Migration(
                        source: try Endpoint("\(pair.source.conninfo) port=\(source)", side: .source),
                        target: try Endpoint("\(pair.target.conninfo) port=\(target)", side: .target),
                        options: pair.migration().options
                    )
                    #expect(try await migration.precopy().outcome == .done)
                    try await pair.source.run(
                        "UPDATE t SET v = 'new' WHERE id % 10 = 0; INSERT INTO t (v) VALUES ('one')"
                    )
                    let report = try await migration.cutover()
                    #expect(report.outcome == .done, "\(report.text)")
                }
            }
            #expect(try await pair.differingTables() == [])
            #expect(try await pair.differingDefinitions() == [])
        }
    }

    @Test(arguments: Cases.some(1, of: [("transaction", 20), ("transaction", 1), ("statement", 20)]))
    func `that lends sessions is refused, and its sessions stay as they were`(mode: String, size: Int) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await PgBouncer.with(TestServers.port(of: pair.source.conninfo), mode: mode, size: size) { port in
                let pooled = "\(pair.source.conninfo) port=\(port)"
                for act in ["precopy", "inspect", "verify"] {
                    let outcome = try await Command().run(
                        [act, "--source", pooled, "--target", pair.target.conninfo],
                        killAfter: nil
                    )
                    #expect(outcome.code == 1, "\(outcome.output)")
                    #expect(
                        outcome.errors.contains("connection pooler between tidemark and the source")
                            && outcome.errors.contains("\(mode) pooling")
                            && outcome.errors.contains("pool_mode = session"),
                        "\(outcome.errors)"
                    )
                }
                // What was set for us would be set for the application.
                let setting = try await Command.tool("psql", ["-X", "-A", "-t", pooled, "-c", "SHOW search_path"])
                #expect(setting.output == "\"$user\", public\n", "\(setting.output)\(setting.errors)")
            }
        }
    }
}
