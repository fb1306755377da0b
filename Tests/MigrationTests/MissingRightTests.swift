import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Ordinary roles with exactly the rights they need; each is taken away in turn.
@Suite(.disabled(if: HostileDatabase.isWanted, "Only a superuser may create its casts."))
struct `A right that is missing` {
    private static let schema = """
        GRANT CREATE ON SCHEMA public TO right_owner; SET ROLE right_owner;
        CREATE SCHEMA app; CREATE SCHEMA other;
        CREATE TYPE app.state AS ENUM ('new', 'paid');
        CREATE TABLE app.orders (id serial PRIMARY KEY, s app.state, note text);
        CREATE TABLE app.lines (id int PRIMARY KEY, orders int REFERENCES app.orders);
        CREATE SEQUENCE app.numbers; CREATE TABLE other.things (id int PRIMARY KEY);
        CREATE TABLE public.shared (id int PRIMARY KEY);
        CREATE FUNCTION public.twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 2 * $1; END';
        CREATE INDEX ON public.shared (public.twice(id));
        INSERT INTO app.orders (s) SELECT 'new' FROM generate_series(1, 500); INSERT INTO app.lines SELECT n, n FROM generate_series(1, 500) n;
        INSERT INTO public.shared SELECT generate_series(1, 500); INSERT INTO other.things VALUES (1);
        SELECT lo_from_bytea(4711, 'one'); RESET ROLE; ANALYZE
        """
    private static let onSource = """
        GRANT USAGE ON SCHEMA app, other TO right_reader; GRANT SELECT ON ALL TABLES IN SCHEMA app, other, public TO right_reader;
        GRANT SELECT ON ALL SEQUENCES IN SCHEMA app TO right_reader; GRANT SELECT ON LARGE OBJECT 4711 TO right_reader
        """
    private static let onTarget = """
        REVOKE ALL ON DATABASE current FROM PUBLIC; GRANT CONNECT, CREATE, TEMPORARY ON DATABASE current TO right_writer;
        GRANT CREATE ON SCHEMA public TO right_writer, right_owner
        """

    /// A right, on which side, and what is said without it.
    struct Right: CustomTestStringConvertible {
        let side: Endpoint.Side
        let taken: String
        let named: [String]
        var writer = "right_writer"

        var testDescription: String { "\(side.rawValue): \(taken)" }
    }

    static let rights = [
        Right(side: .source, taken: "REVOKE SELECT ON app.lines FROM right_reader", named: ["app.lines", "SELECT"]),
        Right(side: .source, taken: "REVOKE USAGE ON SCHEMA other FROM right_reader", named: ["other", "USAGE"]),
        Right(side: .source, taken: "REVOKE SELECT ON SEQUENCE app.numbers FROM right_reader", named: ["app.numbers"]),
        Right(
            side: .source,
            taken: "REVOKE SELECT ON SEQUENCE app.orders_id_seq FROM right_reader",
            named: ["orders_id_seq"]
        ),
        Right(side: .source, taken: "REVOKE SELECT ON LARGE OBJECT 4711 FROM right_reader", named: ["large object"]),
        Right(
            side: .target,
            taken: "REVOKE CREATE ON DATABASE current FROM right_writer",
            named: ["CREATE", "right_writer"]
        ),
        Right(side: .target, taken: "REVOKE TEMPORARY ON DATABASE current FROM right_writer", named: ["TEMPORARY"]),
        Right(
            side: .target,
            taken: "REVOKE CREATE ON SCHEMA public FROM right_writer, right_owner",
            named: ["schema public"]
        ),
        // Membership belongs to the server, which other tests share: this role never had it.
        Right(side: .target, taken: "SELECT 'membership'", named: ["right_owner"], writer: "right_outsider"),
        Right(side: .target, taken: "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC", named: ["plpgsql"]),
        Right(side: .target, taken: "REVOKE CONNECT ON DATABASE current FROM right_writer", named: ["CONNECT"]),
    ]

    private static func with(_ right: Right?, _ body: (DatabasePair, Migration) async throws -> Void) async throws {
        try await DatabasePair.with { pair in
            for role in ["right_reader", "right_writer", "right_owner", "right_outsider"] {
                try await pair.createRole(role, "LOGIN")
            }
            try await pair.source.run("GRANT CREATE ON DATABASE \(pair.name) TO right_owner", schema, onSource)
            let writer = right?.writer ?? "right_writer"
            try await pair.grant("right_owner", to: "right_writer", on: pair.target)
            try await pair.target.run(
                onTarget.replacing("DATABASE current", with: "DATABASE \(pair.name)")
                    .replacing("right_writer", with: writer)
            )
            if let right {
                try await (right.side == .source ? pair.source : pair.target).run(
                    right.taken.replacing("DATABASE current", with: "DATABASE \(pair.name)")
                )
            }
            let migration = Migration(
                source: try Endpoint(
                    pair.source.conninfo.replacing("user=postgres", with: "user=right_reader"),
                    side: .source
                ),
                target: try Endpoint(
                    pair.target.conninfo.replacing("user=postgres", with: "user=\(writer)"),
                    side: .target
                ),
                options: pair.migration().options
            )
            try await body(pair, migration)
        }
    }

    @Test func `is none of those that a migration has`() async throws {
        try await Self.with(nil) { pair, migration in
            let inspection = try await migration.inspect()
            #expect(inspection.isClear, "\(inspection.text)")
            #expect(try await migration.precopy().outcome == .done)
            // The source's own rights on the database, which inspect has named.
            try await pair.target.run(
                "GRANT CONNECT, TEMPORARY ON DATABASE \(pair.name) TO PUBLIC; GRANT CREATE ON DATABASE \(pair.name) TO right_owner; REVOKE CREATE ON DATABASE \(pair.name) FROM right_writer"
            )
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(arguments: Cases.some(3, of: rights))
    func `is named days ahead, and refused before anything is written`(_ right: Right) async throws {
        try await Self.with(right) { pair, migration in
            let said = try await Self.inspected(migration)
            for name in right.named { #expect(said.contains(name), "\(name): \(said)") }
            let refusal = await #expect(throws: (any Error).self) { try await migration.precopy() }
            for name in right.named.prefix(1) {
                #expect(refusal.map { "\($0)".contains(name) } == true, "\(name): \(String(describing: refusal))")
            }
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
            #expect(try await pair.target.value("SELECT to_regnamespace('app') IS NULL") == "t")
        }
    }

    /// What the inspection says: one thing that stops the migration.
    private static func inspected(_ migration: Migration) async throws -> String {
        let inspection: InspectionReport
        do { inspection = try await migration.inspect() } catch {
            // A database that may not be entered cannot be inspected.
            return "\(error)"
        }
        #expect(!inspection.isClear, "\(inspection.text)")
        #expect(inspection.findings.count { $0.severity == .stops } == 1, "\(inspection.text)")
        return inspection.text
    }
}
