import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite(.disabled(if: HostileDatabase.isWanted, "Only a superuser may create its casts."))
struct `An inspection` {
    /// Returns a migration by ordinary roles: the owner of everything on the source, a member of that role on the
    /// target.
    private static func ordinary(_ pair: DatabasePair) async throws -> Migration {
        // Before PostgreSQL 15, schema public belongs to the role that created the cluster. Another test covers this
        // obstacle.
        try await pair.source.run(
            "ALTER DATABASE \(pair.name) OWNER TO seller; ALTER SCHEMA public OWNER TO seller"
        )
        try await pair.target.run(
            "GRANT seller TO mover; ALTER DATABASE \(pair.name) OWNER TO seller"
        )
        let all = pair.migration()
        return Migration(
            source: try Endpoint(pair.source.conninfo.replacing("user=postgres", with: "user=seller"), side: .source),
            target: try Endpoint(pair.target.conninfo.replacing("user=postgres", with: "user=mover"), side: .target),
            options: all.options
        )
    }

    @Test(.onceIn(2)) func `finds no obstacle for ordinary roles, and there is none`() async throws {
        try await Scenario.prepareServers()
        try await DatabasePair.with { pair in
            let migration = try await Self.ordinary(pair)
            let seller = try TestDatabase(
                pair.source.conninfo.replacing("user=postgres", with: "user=seller"),
                side: .source
            )
            try await Scenario.ordinary.make(
                in: seller,
                version: pair.source.majorVersion(),
                hasExtensions: Scenario.hasExtensions(pair)
            )
            try await pair.source.run("ALTER DATABASE \(pair.name) SET work_mem = '8MB'")
            let report = try await migration.inspect()
            #expect(report.isClear, "\(report.text)")
            #expect(try await migration.precopy().outcome == .done)
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(try await pair.differingTables() == [])
            let differences = try await pair.differingDefinitions()
            #expect(differences == [])
        }
    }

    @Test func `names the owner of schema public if the target's role cannot make it the owner`() async throws {
        try await Scenario.prepareServers()
        try await DatabasePair.with { pair in
            let migration = try await Self.ordinary(pair)
            try await pair.source.run("ALTER SCHEMA public OWNER TO postgres")
            guard try await pair.target.majorVersion() >= 15 else { return }
            let report = try await migration.inspect()
            #expect(report.findings.contains { $0.severity == .stops && $0.kind == "role" && $0.object == "postgres" })
            var options = migration.options
            options.omissions = [.owners]
            let without = Migration(source: migration.source, target: migration.target, options: options)
            #expect(try await without.inspect().isClear)
            #expect(try await without.precopy().outcome == .done)
        }
    }

    @Test func `names everything that requires a superuser, before anything is written`() async throws {
        try await Scenario.with(.everything) { pair in
            let migration = try await Self.ordinary(pair)
            let asSuperuser = Migration(
                source: pair.source.endpoint,
                target: migration.target,
                options: migration.options
            )
            let report = try await asSuperuser.inspect()
            #expect(!report.isClear)
            let stopping = Set(report.findings.filter { $0.severity == .stops }.map(\.kind))
            #expect(
                stopping.isSuperset(of: [
                    "base type", "function in language internal", "LEAKPROOF function", "operator class",
                    "text search parser",
                    "text search template", "access method", "cast without a function", "foreign data wrapper",
                    "event trigger", "publication of all tables", "role",
                ]),
                "\(report.text)"
            )
            let notes = report.findings.filter { $0.kind == "subscription" }.map(\.message)
            #expect(notes.allSatisfy { $0.contains("a superuser") || $0.contains("disabled") } && notes.count == 1)
            let refused = await #expect(throws: PlanError.self) { try await asSuperuser.precopy() }
            #expect(refused?.description.contains("event trigger sleeping: creating it") == true)
            #expect(try await pair.target.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'tidemark'") == "0")
        }
    }

    @Test func `names what the target's server lacks`() async throws {
        try await Scenario.prepareServers()
        try await DatabasePair.with { pair in
            try await pair.source.run(
                """
                DO $$ BEGIN IF to_regrole('only_on_the_source') IS NULL THEN CREATE ROLE only_on_the_source; END IF; END $$;
                SET allow_in_place_tablespaces = on;
                """,
                "CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t OWNER TO only_on_the_source",
                "CREATE FUNCTION inner_one(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1'",
                "CREATE FUNCTION outer_one(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN inner_one($1); END'",
                "CREATE TABLE u (id int PRIMARY KEY); CREATE INDEX by_path ON u (outer_one(id)); INSERT INTO u VALUES (1)",
                "CREATE FUNCTION looks(int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM public.t)'",
                "CREATE TABLE w (id int PRIMARY KEY, CONSTRAINT looking CHECK (looks(id)))",
                "CREATE INDEX broken ON u (id); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass",
                "ALTER ROLE only_on_the_source IN DATABASE \(pair.name) SET work_mem = '1MB'"
            )
            let report = try await pair.migration().inspect()
            let stopping = report.findings.filter { $0.severity == .stops }.map { "\($0.kind) \($0.object)" }
            #expect(
                stopping == [
                    "database setting work_mem for role only_on_the_source", "index public.by_path",
                    "role only_on_the_source",
                ],
                "\(report.text)"
            )
            #expect(report.findings.contains { $0.object == "looking on public.w calls public.looks" })
            #expect(report.findings.contains { $0.object == "public.broken" && $0.message.contains("INVALID") })
            let without = try await pair.migration {
                $0.omissions = [.owners, .privileges, .databaseSettings]
            }.inspect()
            #expect(without.findings.filter { $0.severity == .stops }.map(\.object) == ["public.by_path"])
        }
    }
}
