import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// é may be one code point, or e and an accent: equal as Swift strings, but two names to PostgreSQL.
@Suite struct `Names that look the same` {
    private static let one = "caf\u{e9}"
    private static let other = "cafe\u{301}"

    private static let both = [one, other].map { name in
        """
        CREATE SCHEMA "s\(name)"; CREATE TABLE "\(name)" (id int PRIMARY KEY, "\(one)" text, "\(other)" text);
        INSERT INTO "\(name)" SELECT n, '\(name)' || n, '\(name)' FROM generate_series(1, 700) n;
        CREATE INDEX "i\(name)" ON "\(name)" ("\(name)"); CREATE VIEW "v\(name)" AS SELECT '\(name)'::text AS "\(name)";
        CREATE FUNCTION "f\(name)"() RETURNS text LANGUAGE sql AS 'SELECT ''\(name)''::text';
        CREATE SEQUENCE "q\(name)"; CREATE DOMAIN "d\(name)" AS text DEFAULT '\(name)';
        CREATE TYPE "e\(name)" AS ENUM ('\(one)', '\(other)'); CREATE TABLE "s\(name)".t (id int PRIMARY KEY);
        CREATE TABLE "k\(name)" (k text PRIMARY KEY, c "e\(name)", CONSTRAINT "c\(name)" CHECK (k <> '\(name)'));
        INSERT INTO "k\(name)" SELECT 'caf' || c || n, c::"e\(name)"
            FROM (VALUES ('\(one)'), ('\(other)')) v(c), generate_series(1, 500) n;
        COMMENT ON TABLE "\(name)" IS '\(name)';
        CREATE POLICY "p\(name)" ON "\(name)" USING (true);
        """
    }.joined()

    @Test func `are different names, and both are copied`() async throws {
        try await DatabasePair.with(Self.both + "ANALYZE") { pair in
            let precopy = try await pair.migration(chunkBytes: 16 << 10).precopy()
            #expect(precopy.outcome == .done, "\(precopy.text)")
            try await pair.source.run("UPDATE \"\(Self.one)\" SET \"\(Self.other)\" = 'x' WHERE id = 5")
            let cutover = try await pair.migration().cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(cutover.verification?.findings == [])
            #expect(try await pair.differingTables() == [])
            #expect(try await pair.migration { $0.verifiesInFull = true }.verify().outcome == .done)
        }
    }

    /// In each case, the only difference is such a pair of names.
    private static let differences: [(name: String, schema: String, change: String)] = [
        (
            "default", "CREATE TABLE t (id int PRIMARY KEY, a text DEFAULT '\(one)')",
            "ALTER TABLE t ALTER a SET DEFAULT '\(other)'"
        ),
        (
            "check", "CREATE TABLE t (id int PRIMARY KEY, a text, CONSTRAINT c CHECK (a <> '\(one)'))",
            "ALTER TABLE t DROP CONSTRAINT c; ALTER TABLE t ADD CONSTRAINT c CHECK (a <> '\(other)')"
        ),
        (
            "predicate", "CREATE TABLE t (id int PRIMARY KEY, a text); CREATE INDEX i ON t (id) WHERE a = '\(one)'",
            "DROP INDEX i; CREATE INDEX i ON t (id) WHERE a = '\(other)'"
        ),
        (
            "body", "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''\(one)''::text'",
            "CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''\(other)''::text'"
        ),
        (
            "policy", "CREATE TABLE t (id int PRIMARY KEY, a text); CREATE POLICY p ON t USING (a = '\(one)')",
            "ALTER POLICY p ON t USING (a = '\(other)')"
        ),
        ("comment", "COMMENT ON SCHEMA public IS '\(one)'", "COMMENT ON SCHEMA public IS '\(other)'"),
        ("label", "CREATE TYPE e AS ENUM ('\(one)')", "ALTER TYPE e RENAME VALUE '\(one)' TO '\(other)'"),
        (
            "view", "CREATE VIEW v AS SELECT '\(one)'::text AS a",
            "CREATE OR REPLACE VIEW v AS SELECT '\(other)'::text AS a"
        ),
        ("table", "CREATE TABLE \"\(one)\" (id int PRIMARY KEY)", "ALTER TABLE \"\(one)\" RENAME TO \"\(other)\""),
        (
            "column", "CREATE TABLE t (id int PRIMARY KEY, \"\(one)\" int)",
            "ALTER TABLE t RENAME \"\(one)\" TO \"\(other)\""
        ),
        (
            "index", "CREATE TABLE t (id int PRIMARY KEY); CREATE INDEX \"\(one)\" ON t (id)",
            "ALTER INDEX \"\(one)\" RENAME TO \"\(other)\""
        ),
        ("sequence", "CREATE SEQUENCE \"\(one)\"", "ALTER SEQUENCE \"\(one)\" RENAME TO \"\(other)\""),
        (
            "trigger argument",
            """
            CREATE TABLE t (id int PRIMARY KEY);
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f('\(one)')
            """,
            "DROP TRIGGER g ON t; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f('\(other)')"
        ),
        (
            "value", "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, '\(one)')",
            "UPDATE t SET a = '\(other)'"
        ),
        (
            "setting", "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET app.x = '\(one)' AS 'SELECT 1'",
            "ALTER FUNCTION f() SET app.x = '\(other)'"
        ),
    ]

    @Test(arguments: Cases.some(3, of: differences))
    func `are reported as a difference`(_ name: String, _ schema: String, _ change: String) async throws {
        try await DatabasePair.with(schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(change)
            let report = try await pair.migration().verify()
            #expect(report.outcome == .differs, "\(name): \(report.text)")
        }
    }

    @Test func `are followed when one is renamed to the other`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE "\(Self.one)" (id int PRIMARY KEY, "\(Self.one)" text DEFAULT '\(Self.one)');
            INSERT INTO "\(Self.one)" (id) SELECT generate_series(1, 700);
            CREATE TYPE e AS ENUM ('\(Self.one)'); CREATE TABLE t (id int PRIMARY KEY, e e); INSERT INTO t VALUES (1, '\(Self.one)')
            """
        ) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run(
                "ALTER TABLE \"\(Self.one)\" RENAME \"\(Self.one)\" TO \"\(Self.other)\"",
                "ALTER TABLE \"\(Self.one)\" ALTER \"\(Self.other)\" SET DEFAULT '\(Self.other)'",
                "ALTER TABLE \"\(Self.one)\" RENAME TO \"\(Self.other)\"",
                "ALTER TYPE e RENAME VALUE '\(Self.one)' TO '\(Self.other)'"
            )
            #expect(try await pair.migration().precopy().outcome == .done)
            let cutover = try await pair.migration().cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(try await pair.differingTables() == [])
            let name = try await pair.target.value(
                "SELECT encode(relname::text::bytea, 'hex') FROM pg_class WHERE relname LIKE 'caf%' AND relkind = 'r'"
            )
            #expect(name == "63616665cc81")
        }
    }
}
