import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

/// Only what pg_dump would write of schema public counts.
///
/// It writes the owner unless it is the server's default, and rights only where they differ from those of a new
/// database. It never writes that the schema exists.
@Suite(.disabled(if: HostileDatabase.isWanted, "The schema public is not empty."))
struct `The schema public` {
    struct Case: CustomTestStringConvertible, Sendable {
        let source: String
        let target: String
        var testDescription: String { "\(source.isEmpty ? "as new" : source) → \(target.isEmpty ? "as new" : target)" }

        init(_ source: String, _ target: String) {
            self.source = source
            self.target = target
        }
    }

    private static let rows = """
        CREATE SCHEMA IF NOT EXISTS app; CREATE TABLE app.t (id int PRIMARY KEY, v text);
        INSERT INTO app.t SELECT n, 'v' FROM generate_series(1, 500) n
        """

    static let same = [
        Case("", "ALTER SCHEMA public OWNER TO giver"),
        Case("", "ALTER SCHEMA public OWNER TO giver; GRANT ALL ON SCHEMA public TO PUBLIC"),
        Case("", "GRANT USAGE ON SCHEMA public TO reader; COMMENT ON SCHEMA public IS 'of the host'"),
        Case("ALTER SCHEMA public OWNER TO giver", ""),
        Case("ALTER SCHEMA public OWNER TO giver", "ALTER SCHEMA public OWNER TO taker"),
        Case(
            "ALTER SCHEMA public OWNER TO postgres; GRANT ALL ON SCHEMA public TO PUBLIC",
            "ALTER SCHEMA public OWNER TO taker"
        ),
        Case("GRANT CREATE ON SCHEMA public TO taker", "ALTER SCHEMA public OWNER TO taker"),
        Case("REVOKE ALL ON SCHEMA public FROM PUBLIC", "GRANT ALL ON SCHEMA public TO PUBLIC"),
        Case("COMMENT ON SCHEMA public IS 'ours'", ""), Case("COMMENT ON SCHEMA public IS NULL", ""),
        Case("DROP SCHEMA public", ""), Case("DROP SCHEMA public", "ALTER SCHEMA public OWNER TO giver"),
        Case("DROP SCHEMA public; CREATE SCHEMA public", ""),
        Case("DROP SCHEMA public; CREATE SCHEMA public AUTHORIZATION giver; COMMENT ON SCHEMA public IS 'ours'", ""),
    ]

    private func with(_ case: Case, _ body: (DatabasePair) async throws -> Void) async throws {
        try await DatabasePair.with(Self.rows) { pair in
            for role in ["giver", "taker", "reader"] { try await pair.createRole(role, "SUPERUSER LOGIN") }
            if !`case`.source.isEmpty { try await pair.source.run(`case`.source) }
            if !`case`.target.isEmpty { try await pair.target.run(`case`.target) }
            try await body(pair)
        }
    }

    private func expectEqual(_ report: RunReport) {
        #expect(report.outcome == .done, "\(report.text)")
        #expect(report.verification?.findings.filter { $0.severity != .note } ?? [] == [], "\(report.text)")
    }

    @Test(arguments: Cases.some(2, of: same)) func `is equal if pg_dump writes no difference`(_ case: Case) async throws
    {
        try await with(`case`) { pair in
            expectEqual(try await pair.migration().precopy())
            expectEqual(try await pair.migration().cutover())
            expectEqual(try await pair.migration().verify())
        }
    }

    @Test(arguments: Cases.some(2, of: same)) func `is equal on a target that already has the tables`(_ case: Case)
        async throws
    {
        try await with(`case`) { pair in
            try await pair.target.run(
                "CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, v text)"
            )
            let migration = pair.migration {
                $0.targetContents = .schema; $0.omissions = [.owners, .privileges]
            }
            expectEqual(try await migration.precopy())
            expectEqual(try await migration.cutover())
        }
    }

    @Test(arguments: Cases.some(2, of: same)) func `may change between two passes`(_ case: Case) async throws {
        try await DatabasePair.with(Self.rows) { pair in
            for role in ["giver", "taker", "reader"] { try await pair.createRole(role, "SUPERUSER LOGIN") }
            let migration = pair.migration { $0.omissions = [.owners, .privileges] }
            expectEqual(try await migration.precopy())
            if !`case`.source.isEmpty { try await pair.source.run(`case`.source) }
            if !`case`.target.isEmpty { try await pair.target.run(`case`.target) }
            expectEqual(try await migration.precopy())
            let report = try await migration.cutover()
            #expect(
                report.verification?.findings.filter { $0.severity != .note && $0.kind != "comment" } == [],
                "\(report.text)"
            )
        }
    }

    @Test func `is reported with a repair if granted rights differ`() async throws {
        try await with(Case("GRANT CREATE ON SCHEMA public TO reader; REVOKE USAGE ON SCHEMA public FROM PUBLIC", "")) {
            pair in
            _ = try await pair.migration().precopy()
            expectEqual(try await pair.migration().cutover())
            try await pair.target.run(
                "REVOKE CREATE ON SCHEMA public FROM reader; GRANT USAGE ON SCHEMA public TO PUBLIC"
            )
            let verify = try await pair.migration().verify()
            let found = (verify.verification?.findings ?? []).filter { $0.severity != .note }
            #expect(Set(found.map(\.object)) == ["schema public"] && found.count == 2, "\(verify.text)")
            for finding in found { try await pair.target.run(try #require(finding.repair)) }
            expectEqual(try await pair.migration().verify())
        }
    }
}
