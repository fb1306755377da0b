import Planning
import Report
import TestSupport
import Testing
import Tidemark

/// What one server stores in another way than the other, although it means the same: most of it depends on their versions.
///
/// `scripts/test-versions` runs this suite from older to newer servers.
@Suite struct `A definition that is stored differently` {
    /// - Since PostgreSQL 14 `array_append` has other types of arguments.
    /// - plpgsql is there from the beginning, but has an object id like any other once it was recreated.
    private static let schema = """
        DROP EXTENSION plpgsql CASCADE; CREATE EXTENSION plpgsql;
        CREATE AGGREGATE collected(int) (sfunc = array_append, stype = int[], initcond = '{}');
        CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TABLE t (id int PRIMARY KEY, name text, words tsvector);
        CREATE TRIGGER noted BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION noted();
        CREATE VIEW w AS SELECT collected(id) AS ids, max(name) AS last FROM t;
        INSERT INTO t SELECT n, 'n' || n, to_tsvector('n' || n) FROM generate_series(1, 2000) n;
        """

    /// Since PostgreSQL 16 a collation stores a language tag instead of its locale's name.
    private static let locales = """
        CREATE COLLATION by_number (provider = icu, locale = 'en@colNumeric=yes');
        CREATE COLLATION phone_book (provider = icu, locale = 'de@collation=phonebook');
        CREATE TABLE people (name text COLLATE by_number PRIMARY KEY); CREATE INDEX p ON people (name COLLATE phone_book);
        INSERT INTO people SELECT 'n' || n FROM generate_series(1, 500) n;
        """

    /// A column has its type's storage, which was another one in the version of the target.
    private static let otherStorage = "UPDATE pg_type SET typstorage = 'm' WHERE oid = 'tsvector'::regtype"

    /// Not every server is built with ICU.
    private static func hasLocales(_ pair: DatabasePair) async throws -> Bool {
        // One of them is there in any case.
        let icu = "SELECT count(*) > 1 FROM pg_collation WHERE collprovider = 'i'"
        let isThere = (try await pair.source.value(icu), try await pair.target.value(icu))
        return isThere == ("t", "t")
    }

    @Test func `is no difference`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            if try await Self.hasLocales(pair) { try await pair.source.run(Self.locales) }
            try await pair.target.run(Self.otherStorage)
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run("UPDATE t SET name = name || 'x' WHERE id % 50 = 0")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.verification?.findings.filter { $0.severity != .note } == [], "\(report.text)")
            #expect(
                try await pair.target.value("SELECT attstorage FROM pg_attribute WHERE attname = 'words'") == "m"
            )
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `is a difference if it has another meaning`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let hasLocales = try await Self.hasLocales(pair)
            if hasLocales { try await pair.source.run(Self.locales) }
            try await pair.target.run(Self.otherStorage)
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                """
                DROP VIEW w; DROP AGGREGATE collected(int);
                CREATE AGGREGATE collected(int) (sfunc = array_remove, stype = int[], initcond = '{}');
                CREATE VIEW w AS SELECT collected(id) AS ids, max(name) AS last FROM t;
                ALTER TABLE t ALTER words SET STORAGE PLAIN
                """
            )
            if hasLocales {
                try await pair.target.run(
                    """
                    DROP INDEX p; DROP COLLATION phone_book;
                    CREATE COLLATION phone_book (provider = icu, locale = 'de@collation=standard');
                    CREATE INDEX p ON people (name COLLATE phone_book)
                    """
                )
            }
            let verify = try await pair.migration().verify()
            var expected: Set<String> = [
                "aggregate public.collected(integer)", "column public.t.words",
            ]
            if hasLocales { expected.insert("collation public.phone_book") }
            let found = (verify.verification?.findings ?? []).filter { $0.severity != .note }
            #expect(Set(found.map { "\($0.kind) \($0.object)" }) == expected, "\(verify.text)")
        }
    }

    /// Since PostgreSQL 18 NOT NULL is a constraint with a name.
    @Test func `is seen in NOT NULL that is not valid or not inherited`() async throws {
        try await DatabasePair.with { pair in
            guard try await pair.source.majorVersion() >= 18 else { return }
            try await pair.source.run(
                """
                CREATE TABLE t (id int PRIMARY KEY, late int, own int NOT NULL NO INHERIT, plain int NOT NULL);
                INSERT INTO t SELECT n, n, n, n FROM generate_series(1, 100) n;
                ALTER TABLE t ADD CONSTRAINT later NOT NULL late NOT VALID
                """
            )
            #expect(try await pair.migration().precopy().outcome == .done)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done && report.verification?.findings == [], "\(report.text)")
            try await pair.target.run(
                """
                ALTER TABLE t VALIDATE CONSTRAINT later; ALTER TABLE t ALTER CONSTRAINT t_own_not_null INHERIT;
                ALTER TABLE t DROP CONSTRAINT t_plain_not_null; ALTER TABLE t ADD CONSTRAINT t_plain_not_null NOT NULL plain NOT VALID
                """
            )
            let verify = try await pair.migration().verify()
            let found = verify.verification?.findings ?? []
            #expect(
                found.map(\.object).sorted() == ["public.t.late", "public.t.own", "public.t.plain"],
                "\(verify.text)"
            )
            #expect(found.allSatisfy { $0.code == "column.not-null" })
            let repairs = found.compactMap(\.repair)
            #expect(repairs.count == 1, "SET NOT NULL does not make one not valid or not inherited: \(repairs)")
            for repair in repairs { try await pair.target.run(repair) }
            let again = try await pair.migration().verify()
            #expect(again.verification?.findings.map(\.object).sorted() == ["public.t.late", "public.t.own"])
        }
    }
}
