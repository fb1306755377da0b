import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// No superuser on either side; extensions created by an administrator, as on managed hosts.
@Suite(.disabled(if: HostileDatabase.isWanted, "Only a superuser may create its casts.")) struct `Ordinary roles` {
    private static let administrator = """
        CREATE SCHEMA ext; GRANT USAGE ON SCHEMA ext TO PUBLIC; CREATE EXTENSION hstore SCHEMA ext;
        CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION tablefunc SCHEMA ext;
        CREATE EXTENSION btree_gist SCHEMA ext; CREATE EXTENSION "uuid-ossp" SCHEMA ext
        """

    /// `plain_owner` owns the database on both sides; `plain_reader` may read everything on the source.
    static func with(
        _ schema: String,
        reader: String = "plain_reader",
        owner: String = "plain_owner",
        _ body: (DatabasePair, Migration) async throws -> Void
    ) async throws {
        try await DatabasePair.with { pair in
            for role in ["plain_owner", "plain_other", "plain_reader", "plain_stranger"] {
                try await pair.createRole(role, "LOGIN")
            }
            for role in ["plain_bypasser", "plain_forcer"] { try await pair.createRole(role, "LOGIN BYPASSRLS") }
            for reader in ["plain_reader", "plain_bypasser"] {
                try await pair.grant("pg_read_all_data", to: reader, on: pair.source)
            }
            for role in ["plain_other", "plain_bypasser"] {
                try await pair.grant(role, to: owner, on: pair.target)
            }
            for database in [pair.source, pair.target] {
                try await database.run("ALTER DATABASE \(pair.name) OWNER TO \(owner)")
                if try await database.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'tablefunc'")
                    == "1"
                {
                    try await database.run(administrator)
                }
                if try await database.majorVersion() < 15 {
                    try await database.run("ALTER SCHEMA public OWNER TO \(owner)")
                }
            }
            try await pair.source.run("SET ROLE \(owner); SET search_path = public, ext; \(schema)")
            let migration = Migration(
                source: try Endpoint(
                    pair.source.conninfo.replacing("user=postgres", with: "user=\(reader)"),
                    side: .source
                ),
                target: try Endpoint(
                    pair.target.conninfo.replacing("user=postgres", with: "user=\(owner)"),
                    side: .target
                ),
                options: pair.migration().options
            )
            try await body(pair, migration)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                "CREATE TYPE span AS RANGE (subtype = float8); CREATE TABLE t (id int PRIMARY KEY, s span); INSERT INTO t VALUES (1, '[1,2]')",
                "CREATE TABLE t (id int PRIMARY KEY, h ext.hstore, c ext.citext UNIQUE); INSERT INTO t VALUES (1, 'a=>1', 'A')",
                """
                CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO plain_other WITH GRANT OPTION;
                SET ROLE plain_other; GRANT SELECT ON public.t TO plain_stranger; RESET ROLE
                """,
                """
                ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO plain_stranger; CREATE TABLE t (id int PRIMARY KEY);
                REVOKE SELECT ON t FROM plain_stranger; GRANT INSERT ON t TO plain_other
                """,
                """
                CREATE TABLE audit (id int PRIMARY KEY, v text); INSERT INTO audit SELECT n, n FROM generate_series(1, 500) n;
                REVOKE INSERT, UPDATE, DELETE ON audit FROM plain_owner;
                CREATE TABLE sealed (id int PRIMARY KEY); INSERT INTO sealed VALUES (1); REVOKE ALL ON sealed FROM plain_owner;
                CREATE TABLE "Sealed ""log" (id int PRIMARY KEY); INSERT INTO "Sealed ""log" VALUES (1);
                REVOKE ALL ON "Sealed ""log" FROM plain_owner;
                GRANT INSERT ON sealed TO plain_other
                """,
                """
                CREATE FUNCTION hidden(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1'; REVOKE ALL ON FUNCTION hidden FROM PUBLIC;
                CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE INDEX by_hidden ON t (hidden(id))
                """,
                """
                CREATE TABLE rates (id int PRIMARY KEY, top int); INSERT INTO rates VALUES (1, 100);
                CREATE FUNCTION allowed(int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT $1 <= (SELECT top FROM public.rates WHERE id = 1)';
                CREATE TABLE asks (id int PRIMARY KEY, v int CONSTRAINT c CHECK (allowed(v))); INSERT INTO asks VALUES (1, 7);
                COMMENT ON CONSTRAINT c ON asks IS 'asked'
                """,
                "CREATE TABLE t (id int PRIMARY KEY); COMMENT ON TABLE t IS 'c'; CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM t",
            ] as [String]
        )
    )
    func `are never refused and get no false alarm`(_ schema: String) async throws {
        try await Self.with(schema) { pair, migration in
            let report = try await migration.inspect()
            #expect(report.isClear, "\(report.text)")
            #expect(try await migration.precopy().outcome == .done)
            #expect(try await migration.precopy().outcome == .done)
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            let again = try await migration.cutover()
            #expect(again.outcome == .done, "\(again.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                (
                    "CREATE TABLE t (id int PRIMARY KEY, c ext.hstore); CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.c IS DISTINCT FROM NEW.c) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
                    "tr"
                ),
                (
                    "RESET ROLE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET app.x = %L', current_database(), 'y'); END $$",
                    "app"
                ),
                (
                    "CREATE FUNCTION inner_one() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION outer_one() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN inner_one(); END'; CREATE MATERIALIZED VIEW m AS SELECT public.outer_one()",
                    "public.m"
                ),
                (
                    "CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY",
                    "public.t"
                ),
                ("RESET ROLE; CREATE SCHEMA theirs AUTHORIZATION plain_stranger", "plain_stranger"),
                (
                    "RESET ROLE; CREATE FUNCTION public.theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION public.theirs OWNER TO plain_stranger",
                    "plain_stranger"
                ),
                (
                    "CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2'; CREATE OPERATOR public.@@@ (FUNCTION = plus, LEFTARG = int, RIGHTARG = int); CREATE FUNCTION p(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 @@@ 1; END'; CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (p(id)) STORED); INSERT INTO t VALUES (1)",
                    "public.t.g"
                ),
                (
                    "CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO plain_stranger WITH GRANT OPTION; RESET ROLE; SET ROLE plain_stranger; GRANT SELECT ON public.t TO plain_other",
                    "plain_stranger"
                ),
            ] as [(String, String)]
        )
    )
    func `learn days ahead what would be refused`(_ schema: String, _ named: String) async throws {
        let reader = schema.contains("ROW LEVEL") ? "plain_bypasser" : "plain_reader"
        try await Self.with(schema, reader: reader) { pair, migration in
            let report = try await migration.inspect()
            #expect(!report.isClear && report.text.contains(named), "\(report.text)")
            let refused = await #expect(throws: (any Error).self) { try await migration.precopy() }
            #expect(refused.map { "\($0)" }?.contains(named) == true)
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
            #expect(try await pair.target.value("SELECT to_regclass('public.t') IS NULL") == "t")
        }
    }

    @Test(
        arguments: Cases.some(
            1,
            of: [
                ("SELECT 1", "CREATE TABLE public.there (a int)", "not empty"),
                ("SELECT 1", "ALTER DATABASE CURRENT OWNER TO postgres", "may not create"),
                (
                    "CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true)",
                    "SELECT 1", "BYPASSRLS"
                ),
                (
                    "RESET ROLE; CREATE TABLE public.t (id int); REVOKE pg_read_all_data FROM plain_stranger",
                    "SELECT 1",
                    "SELECT"
                ),
                ("CREATE SCHEMA tidemark; CREATE TABLE tidemark.own (a int)", "SELECT 1", "tidemark"),
            ] as [(String, String, String)]
        )
    )
    func `learn from inspect everything that precopy refuses`(_ schema: String, _ onTarget: String, _ named: String)
        async throws
    {
        let reader =
            schema.contains("RESET ROLE")
            ? "plain_stranger" : schema.contains("POLICY") ? "plain_reader" : "plain_owner"
        try await Self.with(schema, reader: reader) { pair, migration in
            try await pair.target.run(onTarget.replacing("CURRENT", with: pair.name))
            let report = try await migration.inspect()
            #expect(!report.isClear && report.text.contains(named), "\(report.text)")
            await #expect(throws: (any Error).self) { try await migration.precopy() }
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
        }
    }

    /// An administrator's objects are used as they are, but missing rights on them are reported days ahead.
    @Test func `use extensions and their schemas as they are`() async throws {
        try await Self.with("CREATE TABLE t (id int PRIMARY KEY, h ext.hstore); INSERT INTO t VALUES (1, 'a=>1')") {
            pair,
            migration in
            guard try await pair.target.value("SELECT count(*) FROM pg_extension WHERE extname = 'hstore'") == "1"
            else {
                return
            }
            try await pair.createRole("plain_administrator")
            try await pair.source.run(
                "COMMENT ON EXTENSION hstore IS 'ours'; COMMENT ON SCHEMA ext IS 'ours'; GRANT CREATE ON SCHEMA ext TO plain_other"
            )
            try await pair.target.run("ALTER SCHEMA ext OWNER TO plain_administrator")
            let missing = try await migration.inspect()
            #expect(!missing.isClear, "\(missing.text)")
            let repairs = missing.findings.compactMap(\.repair)
            #expect(missing.findings.map(\.object) == ["schema ext"] && repairs.count == 1, "\(missing.text)")
            for repair in repairs { try await pair.target.run(repair) }
            let clear = try await migration.inspect()
            #expect(clear.isClear, "\(clear.text)")
            #expect(try await migration.precopy().outcome == .done)
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
        }
    }

    /// The first precopy fixes the treatments, so no later command has to repeat them.
    @Test func `need not repeat exclusions of tables that the reader may not read`() async throws {
        let schema = """
            CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE hidden (id int PRIMARY KEY);
            GRANT SELECT ON t TO plain_stranger
            """
        try await Self.with(schema, reader: "plain_stranger") { pair, migration in
            var excluding = migration
            excluding.options.plan.treatments[QualifiedName(schema: "public", name: "hidden")] = .excluded
            #expect(try await excluding.precopy().outcome == .done)
            try await pair.source.run("ALTER TABLE hidden RENAME TO still_hidden")
            #expect(try await migration.precopy().outcome == .done)
            let inspection = try await migration.inspect()
            #expect(inspection.isClear, "\(inspection.text)")
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
        }
    }

    /// Forced row security applies to the owner as well, unless the role may bypass it.
    @Test func `with BYPASSRLS move tables that force row security`() async throws {
        let schema = """
            CREATE TABLE t (id int PRIMARY KEY, tenant text); INSERT INTO t SELECT n, 't' || n % 3 FROM generate_series(1, 900) n;
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;
            CREATE POLICY own ON t USING (tenant = current_setting('app.tenant', true));
            CREATE TABLE of_t (id int PRIMARY KEY, t int REFERENCES t); INSERT INTO of_t SELECT n, n FROM generate_series(1, 900) n;
            ALTER TABLE of_t ENABLE ROW LEVEL SECURITY; ALTER TABLE of_t FORCE ROW LEVEL SECURITY
            """
        try await Self.with(schema, reader: "plain_bypasser", owner: "plain_forcer") { pair, migration in
            let inspection = try await migration.inspect()
            #expect(inspection.isClear, "\(inspection.text)")
            #expect(try await migration.precopy().outcome == .done)
            try await pair.source.run("UPDATE t SET tenant = 'late' WHERE id % 7 = 0")
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `learn that source and target are the same database`() async throws {
        try await Self.with("CREATE TABLE t (id int PRIMARY KEY)") { pair, migration in
            let same = Migration(
                source: migration.source,
                target: try Endpoint(pair.source.conninfo, side: .target),
                options: migration.options
            )
            let report = try await same.inspect()
            #expect(!report.isClear && report.text.contains("same database"), "\(report.text)")
        }
    }

    @Test func `learn days ahead of a grant to a role that the target lacks`() async throws {
        try await Self.with("CREATE TABLE t (id int PRIMARY KEY)") { pair, migration in
            #expect(try await migration.precopy().outcome == .done)
            let role = "only_source_\(pair.name)"
            try await pair.source.run("CREATE ROLE \(role); GRANT SELECT ON t TO \(role)")
            let refused = await #expect(throws: (any Error).self) { try await migration.precopy() }
            #expect(refused.map { "\($0)" }?.contains(role) == true)
            try await pair.target.run("CREATE ROLE \(role)")
            #expect(try await migration.precopy().outcome == .done)
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
        }
    }

    /// Each later precopy tries the changes since the first one.
    @Test func `learn days ahead of a trigger that was added later and cannot be created`() async throws {
        let schema = """
            CREATE TABLE t (id int PRIMARY KEY, c ext.hstore); INSERT INTO t VALUES (1, 'a=>1')
            """
        try await Self.with(schema) { pair, migration in
            #expect(try await migration.precopy().outcome == .done)
            try await pair.source.run(
                "SET search_path = public, ext; CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.c IS DISTINCT FROM NEW.c) EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            )
            let refused = await #expect(throws: (any Error).self) { try await migration.precopy() }
            #expect(refused.map { "\($0)" }?.contains("tr") == true)
            await #expect(throws: (any Error).self) { try await migration.cutover() }
            #expect(try await pair.target.value("SELECT step FROM tidemark.run") != "keysBuilt")
            try await pair.source.run("DROP TRIGGER tr ON t")
            #expect(try await migration.precopy().outcome == .done)
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
        }
    }
}
