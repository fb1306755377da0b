import Postgres
import TestSupport
import Testing

@Suite(.disabled(if: HostileDatabase.isWanted, "Only a superuser may create its casts."))
struct `A role given with --role` {
    /// `mover` connects and is a member of `keeper`, but inherits nothing from it.
    private func with(_ body: (DatabasePair, Command, String) async throws -> Void) async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 5000) n;
            CREATE INDEX t_a ON t (a); CREATE VIEW v AS SELECT count(*) FROM t; CREATE SEQUENCE s;
            CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SCHEMA other; CREATE TYPE other.e AS ENUM ('a');
            """
        ) { pair in
            try await pair.createRole("keeper")
            try await pair.createRole("role_mover", "LOGIN NOINHERIT")
            // Two tests that grant it at once would conflict in the catalog.
            try await pair.target.run("BEGIN; SELECT pg_advisory_xact_lock(1); GRANT keeper TO role_mover; COMMIT")
            try await pair.target.run("ALTER DATABASE \(pair.name) OWNER TO keeper")
            let target = pair.target.conninfo.replacing("user=postgres", with: "user=role_mover")
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": target]
            )
            try await body(pair, command, target)
        }
    }

    private static let owners = """
        SELECT DISTINCT pg_get_userbyid(o) FROM (
            SELECT relowner FROM pg_class WHERE relnamespace IN ('public'::regnamespace, to_regnamespace('tidemark'), to_regnamespace('other'))
            UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION ALL SELECT typowner FROM pg_type WHERE typname = 'e'
            UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname IN ('other', 'tidemark')) AS x(o)
        """

    @Test func `owns everything that is created`() async throws {
        try await with { pair, command, _ in
            for act in ["precopy", "cutover"] {
                let outcome = try await command.run(act, "--role", "keeper", "--no-owner", "--whole-below", "0kB")
                #expect(outcome.code == 0, "\(act): \(outcome.output)\(outcome.errors)")
            }
            #expect(try await pair.target.column(Self.owners) == ["keeper"])
            #expect(try await pair.differingTables() == [])
            for act in [["verify"], ["rebuild", "--concurrently"], ["status"], ["finish"]] {
                let outcome = try await command.run(act + ["--role", "keeper"], killAfter: nil)
                #expect(outcome.code == 0, "\(act): \(outcome.output)\(outcome.errors)")
            }
        }
    }

    @Test func `must be the same when the run is resumed`() async throws {
        try await with { pair, command, target in
            let begun = ["precopy", "--no-owner", "--whole-below", "0kB", "--role", "keeper"]
            let killed = try await command.run(begun, killInPhase: "copy and build", after: .milliseconds(0))
            #expect(killed.code == nil, "\(killed.errors)")
            // Resuming as another role is refused, even if that role could write.
            try await pair.target.run(
                "GRANT USAGE ON SCHEMA tidemark TO role_mover; GRANT ALL ON ALL TABLES IN SCHEMA tidemark TO role_mover; GRANT CREATE, TEMPORARY ON DATABASE \(pair.name) TO role_mover"
            )
            let other = try await command.run("precopy", "--whole-below", "0kB")
            #expect(other.code == 1)
            #expect(other.errors.contains("begun as role \"keeper\", but this is \"role_mover\""), "\(other.errors)")
            #expect(other.errors.contains("--role 'keeper'"))
            // A session of the killed client belongs to the role that connected, but it is still ended.
            let run = try await pair.target.value("SELECT left(run_id::text, 8) FROM tidemark.run")
            let endpoint = try Endpoint(target, side: .target)
            try await ThreadConfined.with(endpoint, purpose: "tidemark \(run) orphan") { orphan in
                try await orphan.run { _ = try $0.execute("SELECT 1") }
                let resumed = try await command.run(begun, killAfter: nil)
                #expect(resumed.code == 0, "\(resumed.output)\(resumed.errors)")
                await #expect(throws: PostgresError.self) { try await orphan.run { _ = try $0.execute("SELECT 1") } }
            }
            let cutover = try await command.run("cutover", "--role", "keeper")
            #expect(cutover.code == 0, "\(cutover.output)\(cutover.errors)")
            #expect(try await pair.target.column(Self.owners) == ["keeper"])
        }
    }

    @Test(arguments: ["postgres", "no such role"])
    func `must exist and have the connecting role as a member`(role: String) async throws {
        try await with { pair, command, _ in
            let outcome = try await command.run("precopy", "--role", role)
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("must be a member of it"), "\(outcome.errors)")
            #expect(outcome.errors.contains(role))
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
        }
    }
}
