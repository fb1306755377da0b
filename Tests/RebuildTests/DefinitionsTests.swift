import FoundationEssentials
import Postgres
import TestSupport
import Testing

@testable import Rebuild

@Suite struct `The definitions` {
    @Test func `lose only the commands that only psql understands`() {
        let body = "CREATE FUNCTION f() AS $$\n\\restrict inside\n\\unrestrict inside\n$$;"
        let script = "--\n-- PostgreSQL database dump\n--\n\n\\restrict kEy\n\n\(body)\n\n\\unrestrict kEy\n"
        #expect(
            Definitions.withoutFrame(ServerText(script)).string
                == "--\n-- PostgreSQL database dump\n--\n\n\n\(body)\n\n"
        )
        #expect(Definitions.withoutFrame(ServerText(body)).string == body)
    }

    /// The output of `pg_dump` 15.18 from a server 15.20, which has added an internal option to each column.
    @Test func `lose the server's internal options`() {
        let literal = "'\nALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=1);\n'"
        let body = "AS $_$\nALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=2);\n$_$;"
        let before = "CREATE TABLE public.t (\n    a text DEFAULT \(literal),\n    \"b); --\" text\n);\n"
        let after = "CREATE FUNCTION public.f() RETURNS text LANGUAGE sql\n    \(body)\nSELECT E'\\'; SET (pg_';\n"
        let ours = "ALTER TABLE ONLY public.t ALTER COLUMN a SET (n_distinct=-0.5"
        let script = """
            \(before)ALTER TABLE ONLY public.t ALTER COLUMN "b); --" SET (pg_attver=18270144);
            \(ours), pg_attver=22159008);
            \(ours));
            ALTER FOREIGN TABLE ONLY public.ft ALTER COLUMN a SET (pg_attver=3);
            \(after)
            """
        let expected = "\(before)\n\(ours));\n\(ours));\n\n\(after)"
        #expect(ServerBookkeeping.removed(from: ServerText(script)).string == expected)
    }

    @Test func `of a table that others have locked are refused with what to do`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int)") { pair in
            // Those of the newer server.
            let tools = try await PostgresTools.find(
                major: pair.target.majorVersion(),
                in: ProcessInfo.processInfo.environment["TIDEMARK_TEST_PG_BIN"]
            )
            func dump(_ option: String, as role: String = "postgres") async -> ToolError? {
                let conninfo = "\(pair.source.conninfo) user=\(role)"
                return await #expect(throws: ToolError.self) {
                    try await tools.run("pg_dump", ["--schema-only", option, "--dbname=\(conninfo)"])
                }
            }
            try await pair.source.session { other in
                try await other.run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
                let refused = await dump("--lock-wait-timeout=100")
                #expect(refused?.message.contains("LOCK TABLE public.t") == true, "\(refused?.message ?? "")")
                #expect(refused?.hint?.contains("run the same command again") == true)
            }
            // The same statement, refused for another reason.
            try await pair.createRole("no_reader", "LOGIN")
            let denied = await dump("--lock-wait-timeout=100", as: "no_reader")
            #expect(
                denied?.message.contains("LOCK TABLE public.t") == true && denied?.hint == nil,
                "\(denied?.message ?? "")"
            )
        }
    }

    @Test(arguments: [
        ("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 150_018), ("pg_dump (PostgreSQL) 18beta1", 180_000),
        ("pg_dump (PostgreSQL) 9.6.24", 90_006), ("pg_dump (PostgreSQL) 19devel", 190_000), ("no such tool", nil),
    ])
    func `are written by tools whose version is known`(_ line: String, _ number: Int?) {
        #expect(ServerVersion(ofTool: line)?.number == number)
    }
}
