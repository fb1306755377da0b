import TestSupport
import Testing

@Suite struct `The exit code` {
    @Test func `distinguishes proven from differing, and the report names the differences`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY, v text);
            INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 3000) n;
            CREATE INDEX t_v ON t (v);
            """
        ) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let options = ["--chunk-size", "64kB", "--whole-below", "8kB"]
            #expect(try await command.run(["precopy"] + options, killAfter: nil).code == 0)
            #expect(try await command.run("cutover").code == 0)
            let proven = try await command.run(["verify"] + options, killAfter: nil)
            #expect(proven.code == 0)
            #expect(proven.output.contains("PROVEN"))

            try await pair.target.run(
                "DROP INDEX t_v; ALTER TABLE t DROP CONSTRAINT t_pkey; DELETE FROM t WHERE id = 17; UPDATE t SET v = upper(v) WHERE id = 2222"
            )
            let differs = try await command.run(["verify"] + options, killAfter: nil)
            #expect(differs.code == 2)
            for name in ["public.t_v", "public.t_pkey", "public.t (id) = (17)", "public.t (id) = (2222)"] {
                #expect(differs.output.contains(name), "\(name) is not named in:\n\(differs.output)")
            }
            let json = try await command.run(["verify", "--json", "--quiet"] + options, killAfter: nil)
            #expect(json.code == 2)
            #expect(json.output.contains("\"outcome\" : \"differs\""))
            #expect(json.errors.isEmpty)
        }
    }

    @Test(.onceIn(2)) func `shows that a run was stopped, and the run can resume`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 60000) n"
        ) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let options = ["precopy", "--jobs", "1", "--chunk-size", "256kB"]
            var stopped: Command.Outcome?
            // Too early, the program has not begun; too late, it has ended. On a busy machine it begins after seconds.
            for milliseconds in [100, 150, 200, 300, 400, 500, 700, 900, 1200, 1600, 2400, 3600, 5400, 8000]
            where stopped?.code != 4 {
                stopped = try await command.run(options, interruptAfter: .milliseconds(milliseconds))
            }
            #expect(stopped?.code == 4, "\(stopped?.errors ?? "")")
            #expect(stopped?.output.contains("STOPPED") == true)
            #expect(try await command.run(options, killAfter: nil).code == 0)
            #expect(try await pair.differingTables() == [])

            var verification: Command.Outcome?
            for milliseconds in [50, 100, 150, 200, 300, 400, 500, 700, 1000, 1600, 2400, 3600]
            where verification?.code != 4 {
                verification = try await command.run(
                    ["verify", "--full", "--jobs", "1"],
                    interruptAfter: .milliseconds(milliseconds)
                )
            }
            #expect(verification?.code == 4, "\(verification?.errors ?? "")")
            #expect(verification?.output.contains("STOPPED") == true)
        }
    }
}
