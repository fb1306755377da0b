import FoundationEssentials
import Planning
import Postgres
import TestSupport
import Testing
import Tidemark

/// Schemas and extensions that are left out by name.
@Suite struct `What is left out by name` {
    private static let audit = "au\"dit.* é"
    private static let quoted = "\"au\"\"dit.* é\""

    /// A schema with something of everything, and what refers to it from outside.
    private static let schema = """
        CREATE SCHEMA \(quoted);
        CREATE TYPE \(quoted).mood AS ENUM ('fine', 'bad');
        CREATE TABLE \(quoted).log (id serial PRIMARY KEY, m \(quoted).mood, v text UNIQUE);
        INSERT INTO \(quoted).log (m, v) SELECT 'fine', n FROM generate_series(1, 500) n;
        CREATE SEQUENCE \(quoted).alone;
        CREATE MATERIALIZED VIEW \(quoted).seen AS SELECT count(*) FROM \(quoted).log;
        CREATE VIEW \(quoted).v AS SELECT 1 AS one;
        CREATE FUNCTION \(quoted).f() RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE COLLATION \(quoted).c (locale = 'C');
        CREATE DOMAIN \(quoted).d AS int CHECK (VALUE > 0);
        CREATE TABLE \(quoted).parted (id int) PARTITION BY RANGE (id);
        CREATE TABLE \(quoted).part PARTITION OF \(quoted).parted DEFAULT;
        COMMENT ON SCHEMA \(quoted) IS 'not ours'; COMMENT ON TABLE \(quoted).log IS 'nor this';
        GRANT USAGE ON SCHEMA \(quoted) TO PUBLIC; GRANT SELECT ON \(quoted).log TO PUBLIC;
        ALTER DEFAULT PRIVILEGES IN SCHEMA \(quoted) GRANT SELECT ON TABLES TO PUBLIC;
        CREATE TABLE t (id int PRIMARY KEY, l int REFERENCES \(quoted).log, v text);
        INSERT INTO t SELECT n, n, 'v' FROM generate_series(1, 500) n;
        CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t); INSERT INTO u SELECT n, n FROM generate_series(1, 9) n;
        ANALYZE
        """

    /// What the target has in a schema of that name: a table of its own, with a trigger and a foreign key.
    private static let there = """
        CREATE SCHEMA \(quoted); CREATE TABLE \(quoted).own (id int PRIMARY KEY, v int);
        CREATE FUNCTION \(quoted).act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER acts BEFORE INSERT ON \(quoted).own FOR EACH ROW EXECUTE FUNCTION \(quoted).act();
        ALTER TABLE \(quoted).own ADD FOREIGN KEY (v) REFERENCES \(quoted).own;
        INSERT INTO \(quoted).own VALUES (1, 1)
        """

    private static let standing = """
        SELECT string_agg(q.n, ' ' ORDER BY q.n) FROM (
            SELECT c.relname AS n FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname ~ 'au"dit'
            UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text !~ 'tidemark') q
        """

    @Test func `a schema is not copied, not compared, and left alone on the target`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run(Self.there)
            let before = try await pair.target.value(Self.standing)
            func migration(_ omissions: Set<Omission> = []) -> Migration {
                pair.migration { $0.omissions = omissions }
            }
            let inspected = try await migration([.schema(ServerText(Self.audit))]).inspect()
            #expect(!inspected.text.contains("au"), "\(inspected.text)")
            let precopy = try await migration([.schema(ServerText(Self.audit))]).precopy()
            #expect(precopy.outcome == .done, "\(precopy.text)")
            // Later calls know it from the ledger.
            for change in ["UPDATE t SET v = 'w' WHERE id < 9", "DELETE FROM u WHERE id = 3"] {
                try await pair.source.run("\(change); INSERT INTO \(Self.quoted).log (m) VALUES ('bad')")
                let cutover = try await migration().cutover()
                #expect(cutover.outcome == .done, "\(cutover.text)")
                let findings = cutover.verification?.findings.filter { $0.severity > .note }.map(\.code) ?? ["none"]
                #expect(findings == [], "\(cutover.text)")
            }
            let after = try await pair.target.value(Self.standing)
            #expect(after == before.replacing("own_v_fkey", with: "own_v_fkey u_t_fkey"))
            #expect(try await pair.target.value("SELECT count(*) FROM \(Self.quoted).own") == "1")
            #expect(try await pair.target.value("SELECT count(*) FROM t WHERE v = 'w'") == "8")
            #expect(try await migration().verify().outcome == .done)
            // Without the ledger the schema has to be named again.
            try await LedgerAdministration(target: pair.target.endpoint).finish(abandon: false)
            #expect(try await migration().verify().outcome == .differs)
            #expect(try await migration([.schema(ServerText(Self.audit))]).verify().outcome == .done)
        }
    }

    @Test func `a schema is not in an archive either`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let folder = FileManager.default.temporaryDirectory.path + "/archive-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let options = pair.migration { $0.omissions = [.schema(ServerText(Self.audit))] }.options
            let archive = DatabaseArchive(folder, options: options)
            for change in ["SELECT 1", "UPDATE t SET v = 'w' WHERE id < 9"] {
                try await pair.source.run("\(change)")
                #expect(try await archive.dump(from: pair.source.endpoint).outcome == .done)
            }
            // Whoever restores knows it from the archive.
            let unaware = DatabaseArchive(folder, options: pair.migration().options)
            let restored = try await unaware.restore(to: pair.target.endpoint)
            #expect(restored.outcome == .done, "\(restored.text)")
            #expect(try await unaware.verify(pair.target.endpoint).outcome == .done)
            #expect(try await pair.target.value("SELECT count(*) FROM t WHERE v = 'w'") == "8")
            #expect(try await pair.target.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'au'") == "0")
        }
    }

    @Test func `names that the source does not have are refused, and schemas that were copied`() async throws {
        try await DatabasePair.with(
            "CREATE SCHEMA audit; CREATE FUNCTION audit.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
        ) {
            pair in
            for (omission, names) in [
                (Omission.schema("audti"), "audit, public"), (.extension("hstroe"), "plpgsql"),
                (.schema("pg_catalog"), "audit"),
            ] {
                let migration = pair.migration { $0.omissions = [omission] }
                let error = await #expect(throws: PlanError.self) { try await migration.precopy() }
                #expect(error?.code == .usage && "\(error.map { "\($0)" } ?? "")".contains(names), "\(omission)")
                #expect(try await migration.inspect().text.contains(names))
            }
            #expect(try await pair.migration().precopy().outcome == .done)
            let late = pair.migration { $0.omissions = [.schema("audit")] }
            let error = await #expect(throws: PlanError.self) { try await late.precopy() }
            #expect("\(error.map { "\($0)" } ?? "")".contains("was copied when the run began"))
            // A schema that was created since may be left out.
            try await pair.source.run("CREATE SCHEMA later; CREATE TABLE later.t (id int)")
            #expect(try await pair.migration { $0.omissions = [.schema("later")] }.cutover().outcome == .done)
            #expect(try await pair.target.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'later'") == "0")
        }
    }

    @Test func `an extension is left out, with the rows in its tables`() async throws {
        let schema = """
            CREATE SCHEMA rows_of_extension; CREATE EXTENSION tidemark_rows SCHEMA rows_of_extension;
            INSERT INTO rows_of_extension.config VALUES (10, 'mine');
            COMMENT ON EXTENSION tidemark_rows IS 'rows of its own';
            CREATE EXTENSION "uuid-ossp"; CREATE TABLE t (id int PRIMARY KEY, v text); CREATE INDEX i ON t (v);
            ALTER INDEX i DEPENDS ON EXTENSION tidemark_rows; INSERT INTO t VALUES (1, 'one')
            """
        try await DatabasePair.with { pair in
            let available = "SELECT count(*) FROM pg_available_extensions WHERE name IN ('tidemark_rows', 'uuid-ossp')"
            guard try await pair.source.value(available) == "2" else { return }
            try await pair.source.run(schema)
            let both: Set<Omission> = [.extension("tidemark_rows"), .extension("uuid-ossp")]
            #expect(try await pair.migration { $0.omissions = both }.precopy().outcome == .done)
            let cutover = try await pair.migration().cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(cutover.verification?.findings.filter { $0.severity > .note }.map(\.code) == [], "\(cutover.text)")
            #expect(try await pair.target.value("SELECT string_agg(extname, ' ') FROM pg_extension") == "plpgsql")
            #expect(try await pair.target.value("SELECT count(*) FROM pg_class WHERE relname = 'i'") == "1")
        }
    }
}
