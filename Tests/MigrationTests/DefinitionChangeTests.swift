import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A definition that changes after it was brought` {
    private static let schema = """
        CREATE TYPE mood AS ENUM ('good');
        CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 41';
        CREATE TABLE t (id int PRIMARY KEY, m mood);
        INSERT INTO t VALUES (1, 'good');
        CREATE VIEW v AS SELECT id FROM t;
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        """

    @Test(arguments: [
        ("ALTER TYPE mood ADD VALUE 'bad'", "type public.mood"),
        ("CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'", "function public.answer()"),
        ("CREATE OR REPLACE VIEW v AS SELECT id + 1 AS id FROM t", "view public.v"),
        ("CREATE VIEW late AS SELECT 1 AS one", "view public.late"),
        ("ALTER DOMAIN positive DROP CONSTRAINT positive_check", "domain public.positive"),
        ("CREATE SEQUENCE late_numbers", "sequence public.late_numbers"),
        ("COMMENT ON TABLE t IS 'later'", "comment public.TABLE t"),
        ("DROP VIEW v", "view public.v"),
        ("CREATE EXTENSION hstore", "extension hstore"),
    ])
    func `is never passed over in silence`(change: String, object: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(change)
            let early = try await pair.migration().precopy()
            #expect(early.warnings.contains { $0.contains(object) }, "\(early.warnings)")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .differs)
            let named = report.verification?.findings.filter { $0.kind == "definition" }.map(\.object) ?? []
            #expect(named.contains(object), "\(named)")
        }
    }

    @Test func `is no finding where only owners and grants have changed`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("GRANT SELECT ON t TO PUBLIC; ALTER TABLE t OWNER TO pg_monitor")
            #expect(try await pair.migration().cutover().outcome == .done)
        }
    }

    @Test func `gives the statement that repairs it`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run("CREATE VIEW late AS SELECT 1 AS one")
            let report = try await pair.migration().cutover()
            let repair = try #require(report.verification?.findings.compactMap(\.repair).first)
            try await pair.target.run(repair)
            #expect(try await pair.target.value("SELECT one FROM late") == "1")
        }
    }
}
