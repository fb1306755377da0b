import Planning
import Postgres
import TestSupport
import Testing
import Tidemark

/// Whatever precopy refuses, inspect has said, and nothing else.
@Suite struct `What precopy refuses` {
    struct Situation: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var source = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)"
        var target = "SELECT 1"
        var isRefused = true
        /// Whether source or target are read as a role that owns nothing on the source, or the target database.
        var asRole: Set<Endpoint.Side> = []
        var options: @Sendable (inout MigrationOptions) -> Void = { _ in }

        init(_ name: String, _ change: (inout Situation) -> Void = { _ in }) {
            testDescription = name
            change(&self)
        }
    }

    private static let t = QualifiedName(schema: "public", name: "t")

    static let situations = [
        Situation("nothing is in the way") { $0.isRefused = false },
        Situation("the target has a table") { $0.target = "CREATE TABLE other (id int)" },
        Situation("the target has a view") { $0.target = "CREATE VIEW v AS SELECT 1 AS one" },
        Situation("the target has the ledger's schema without a ledger") { $0.target = "CREATE SCHEMA tidemark" },
        Situation("the source has a table in the ledger's schema") {
            $0.source += "; CREATE SCHEMA tidemark; CREATE TABLE tidemark.mine (id int)"
        },
        Situation("a table may not be read") { $0.asRole = [.source] },
        Situation("a sequence may not be read") {
            $0.source += "; CREATE SEQUENCE s; GRANT SELECT ON t TO %role"
            $0.asRole = [.source]
        },
        Situation("row level security hides rows") {
            $0.source += "; GRANT SELECT ON t TO %role; ALTER TABLE t ENABLE ROW LEVEL SECURITY"
            $0.asRole = [.source]
        },
        Situation("a large object may not be read") {
            $0.source += "; GRANT SELECT ON t TO %role; SELECT lo_from_bytea(0, 'x')"
            $0.asRole = [.source]
        },
        Situation("a large object may not be read, but is left out") {
            $0.source += "; GRANT SELECT ON t TO %role; SELECT lo_from_bytea(0, 'x')"
            $0.asRole = [.source]
            $0.options = { $0.omissions = [.largeObjects, .owners] }
            $0.isRefused = false
        },
        Situation("a schema may not be read") {
            $0.source += "; GRANT SELECT ON t TO %role; CREATE SCHEMA hidden; CREATE TABLE hidden.h (id int)"
            $0.asRole = [.source]
            $0.options = { $0.omissions = [.owners] }
        },
        Situation("a schema may not be read, but is left out") {
            $0.source += "; GRANT SELECT ON t TO %role; CREATE SCHEMA hidden; CREATE TABLE hidden.h (id int)"
            $0.asRole = [.source]
            $0.options = { $0.omissions = [.schema("hidden"), .owners] }
            $0.isRefused = false
        },
        Situation("a schema to leave out does not exist") { $0.options = { $0.omissions = [.schema("absent")] } },
        Situation("an extension to leave out does not exist") {
            $0.options = { $0.omissions = [.extension("absent")] }
        },
        Situation("the target's role may not create") { $0.asRole = [.target] },
        Situation("an index needs a search path") {
            $0.source += """
                ; CREATE FUNCTION whole(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
                CREATE FUNCTION half(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN whole($1) / 2; END';
                CREATE TABLE i (id int PRIMARY KEY); CREATE INDEX ON i (half(id)); INSERT INTO i VALUES (1)
                """
        },
        Situation("an owner is missing") { $0.source += "; CREATE ROLE %only; ALTER TABLE t OWNER TO %only" },
        Situation("an owner is missing, but owners are left out") {
            $0.source += "; CREATE ROLE %only; ALTER TABLE t OWNER TO %only"
            $0.options = { $0.omissions = [.owners, .privileges] }
            $0.isRefused = false
        },
        Situation("a grantee is missing") { $0.source += "; CREATE ROLE %only; GRANT SELECT ON t TO %only" },
        Situation("a treatment names no table") {
            $0.options = { $0.plan.treatments[QualifiedName(schema: "public", name: "absent")] = .whole }
        },
        Situation("a condition has a subquery") { $0.options = { $0.plan.filters[t] = "id IN (SELECT 1)" } },
        Situation("a condition depends on the time") { $0.options = { $0.plan.filters[t] = "now() > '2020-01-01'" } },
        Situation("a condition names no column") { $0.options = { $0.plan.filters[t] = "absent = 1" } },
        Situation("a condition is sound") {
            $0.options = { $0.plan.filters[t] = "id > 0" }
            $0.isRefused = false
        },
        Situation("a bound is not of the key's type") { $0.options = { $0.plan.immutableBelow[t] = "yesterday" } },
    ]

    @Test(arguments: Cases.some(3, of: situations)) func `inspect has said`(_ situation: Situation) async throws {
        try await DatabasePair.with { pair in
            let (role, only) = ("refused_\(pair.name)", "only_\(pair.name)")
            try await pair.createRole(role, "LOGIN")
            func filled(_ sql: String) -> String { sql.replacing("%role", with: role).replacing("%only", with: only) }
            try await pair.source.run(filled(situation.source))
            try await pair.target.run(filled(situation.target))
            func endpoint(_ side: TestDatabase, _ name: Endpoint.Side) throws -> Endpoint {
                let user = situation.asRole.contains(name) ? role : "postgres"
                return try Endpoint(side.conninfo.replacing("user=postgres", with: "user=\(user)"), side: name)
            }
            let migration = Migration(
                source: try endpoint(pair.source, .source),
                target: try endpoint(pair.target, .target),
                options: pair.migration(situation.options).options
            )
            let inspection = try await migration.inspect()
            let refusal: (any Error)?
            do {
                _ = try await migration.precopy()
                refusal = nil
            } catch {
                refusal = error
            }
            #expect((refusal != nil) == situation.isRefused, "\(refusal.map { "\($0)" } ?? "not refused")")
            #expect(inspection.isClear == (refusal == nil), "\(inspection.text)\n\(refusal.map { "\($0)" } ?? "")")
            try await pair.source.run("DROP OWNED BY \(role)")
            if situation.source.contains("%only") {
                try await pair.source.run("DROP OWNED BY \(only); DROP ROLE \(only)")
            }
        }
    }
}
