import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

/// The meaning of grants depends on an object's owner, who needs no grant.
@Suite struct `Rights on a target whose objects belong to another role` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' FROM generate_series(1, 500) n;
        CREATE TABLE u (id int, v text); CREATE SCHEMA s; CREATE SEQUENCE q; CREATE TYPE e AS ENUM ('a');
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE DOMAIN d AS int; CREATE VIEW w AS SELECT 1 AS one;
        CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;
        CREATE FOREIGN DATA WRAPPER fdw; CREATE SERVER srv FOREIGN DATA WRAPPER fdw;
        CREATE FOREIGN TABLE ft (a int) SERVER srv;
        SELECT lo_from_bytea(4711, 'x'); SELECT lo_from_bytea(4712, 'x');
        GRANT SELECT ON t TO taker, reader; GRANT SELECT (v), UPDATE (id) ON u TO taker;
        GRANT USAGE ON SCHEMA s TO taker; GRANT USAGE ON SEQUENCE q TO taker; GRANT USAGE ON TYPE e, d TO taker;
        GRANT EXECUTE ON FUNCTION f() TO taker WITH GRANT OPTION; GRANT EXECUTE ON PROCEDURE p() TO taker;
        GRANT SELECT ON w, m, ft TO taker; GRANT USAGE ON FOREIGN SERVER srv TO taker;
        GRANT USAGE ON FOREIGN DATA WRAPPER fdw TO taker;
        GRANT CREATE ON SCHEMA public TO taker; REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;
        GRANT SELECT ON LARGE OBJECT 4711 TO taker; GRANT UPDATE ON LARGE OBJECT 4712 TO reader;
        REVOKE DELETE ON t FROM giver; REVOKE ALL ON u FROM giver;
        ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO taker, reader;
        ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO taker;
        """

    /// The source's objects belong to `giver`; the target and the objects created there belong to `taker`.
    private func with(
        targetOf owner: String = "taker",
        _ body: (DatabasePair, Migration) async throws -> Void
    ) async throws {
        try await DatabasePair.with { pair in
            for role in ["giver", "taker", "reader", owner] { try await pair.createRole(role, "SUPERUSER LOGIN") }
            try await pair.target.run("ALTER DATABASE \(pair.name) OWNER TO \(owner)")
            try await pair.source.run(
                "GRANT CONNECT, CREATE ON DATABASE \(pair.name) TO taker, reader; SET ROLE giver; " + Self.schema
            )
            let taker = pair.target.conninfo.replacing("user=postgres", with: "user=\(owner)")
            let migration = Migration(
                source: pair.source.endpoint,
                target: try Endpoint(taker, side: .target),
                options: pair.migration { $0.omissions = [.owners] }.options
            )
            try await body(pair, migration)
        }
    }

    @Test func `are proven, because an owner needs no grant`() async throws {
        try await with { _, migration in
            let first = try await migration.precopy()
            #expect(first.outcome == .done, "\(first.text)")
            let report = try await migration.cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.verification?.findings.filter { $0.severity != .note } == [])
            let verify = try await migration.verify()
            #expect(verify.outcome == .done, "\(verify.text)")
        }
    }

    /// The source's database was closed to everyone but two roles; the target's is open to all.
    @Test func `are compared in both directions on the database itself`() async throws {
        try await with { pair, migration in
            try await pair.source.run("REVOKE ALL ON DATABASE \(pair.name) FROM PUBLIC")
            _ = try await migration.precopy()
            #expect(try await migration.cutover().outcome == .done)
            try await pair.target.run("GRANT CONNECT ON DATABASE \(pair.name) TO PUBLIC, giver")
            let verify = try await migration.verify()
            let found = (verify.verification?.findings ?? []).filter { $0.code == "database-setting.extra-privileges" }
            #expect(found.map(\.object).sorted() == ["CONNECT for PUBLIC", "CONNECT for giver"], "\(verify.text)")
            #expect(found.map(\.severity.rawValue).sorted() == ["hurts", "note"])
        }
    }

    /// The source is read by a superuser, and the target's role may not see others' user mappings.
    @Test func `do not make options of user mappings differ that one role may not see`() async throws {
        // Roles belong to the server, and other tests use the others.
        try await with(targetOf: "mapper") { pair, migration in
            try await pair.source.run(
                """
                RESET ROLE; DROP TABLE t, u; CREATE USER MAPPING FOR reader SERVER srv OPTIONS (user 'x', password 'y');
                CREATE USER MAPPING FOR giver SERVER srv OPTIONS (user 'z')
                """
            )
            _ = try await migration.precopy()
            #expect(try await migration.cutover().outcome == .done)
            try await pair.target.run("ALTER ROLE mapper NOSUPERUSER")
            let verify = try await migration.verify()
            try await pair.target.run("ALTER ROLE mapper SUPERUSER")
            let found = (verify.verification?.findings ?? []).filter { $0.kind == "user mapping" }
            #expect(found.map(\.object).sorted() == ["giver on srv", "reader on srv"], "\(verify.text)")
            #expect(found.allSatisfy { $0.severity == .note })
        }
    }

    @Test func `are reported with a repair where they differ`() async throws {
        try await with { pair, migration in
            try await pair.source.run(
                "GRANT EXECUTE ON FUNCTION plpgsql_call_handler() TO reader WITH GRANT OPTION; REVOKE EXECUTE ON FUNCTION plpgsql_validator(oid) FROM PUBLIC; GRANT EXECUTE ON FUNCTION plpgsql_validator(oid) TO reader; REVOKE EXECUTE ON FUNCTION plpgsql_inline_handler(internal) FROM PUBLIC"
            )
            _ = try await migration.precopy()
            #expect(try await migration.cutover().outcome == .done)
            try await pair.target.run(
                """
                REVOKE SELECT ON t FROM reader; REVOKE SELECT ON w FROM taker; GRANT SELECT ON u TO reader;
                GRANT EXECUTE ON FUNCTION f() TO PUBLIC; GRANT INSERT (v) ON t TO reader;
                REVOKE GRANT OPTION FOR EXECUTE ON FUNCTION plpgsql_call_handler() FROM reader;
                REVOKE EXECUTE ON FUNCTION plpgsql_call_handler() FROM PUBLIC;
                GRANT EXECUTE ON FUNCTION plpgsql_validator(oid), plpgsql_inline_handler(internal) TO PUBLIC;
                """
            )
            let verify = try await migration.verify()
            let found = (verify.verification?.findings ?? []).filter { $0.severity != .note }
            #expect(
                Set(found.map(\.object)) == [
                    "table public.t", "view public.w", "table public.u", "function public.f()",
                    "function pg_catalog.plpgsql_call_handler()",
                    "function pg_catalog.plpgsql_validator(pg_catalog.oid)",
                    "function pg_catalog.plpgsql_inline_handler(pg_catalog.internal)",
                ],
                "\(verify.text)"
            )
            for finding in found { try await pair.target.run(try #require(finding.repair, "\(finding)")) }
            let again = try await migration.verify()
            #expect(again.outcome == .done, "\(again.text)")
        }
    }
}
