import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Cases that were once wrongly reported as proven.
@Suite struct `A proof` {
    private static func cutOver(_ pair: DatabasePair) async throws {
        _ = try await pair.migration().precopy()
        let report = try await pair.migration().cutover()
        #expect(report.outcome == .done, "\(report.text)")
    }

    @Test(arguments: Cases.some(1, of: [false, true]))
    func `reads tables that were created on both sides since the cutover`(isInFull: Bool) async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            try await Self.cutOver(pair)
            try await pair.source.run("CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u SELECT generate_series(1, 5)")
            try await pair.target.run("CREATE TABLE u (id int PRIMARY KEY)")
            let report = try await pair.migration { $0.verifiesInFull = isInFull }.verify()
            #expect(report.outcome == .differs, "\(report.text)")
            #expect(report.verification?.findings.contains { $0.code == "rows.missing" } == true, "\(report.text)")
        }
    }

    /// Two clusters created by one script have the same names and object ids.
    @Test func `is refused for another cluster's database`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)") { pair in
            _ = try await pair.migration().precopy()
            try await pair.target.run(
                "UPDATE tidemark.run SET source = jsonb_set(source, '{systemIdentifier}', '\"7000000000000000000\"')"
            )
            for act in [pair.migration().precopy, pair.migration().cutover] {
                let error = await #expect(throws: LedgerError.self) { try await act() }
                #expect(error?.description.contains("7000000000000000000") == true, "\(error?.description ?? "")")
                #expect(error?.description.contains("--source-moved") == true)
            }
            // The tables of an upgraded source keep their object ids.
            let moved = try await pair.migration { $0.acceptsMovedSource = true }.precopy()
            #expect(moved.outcome == .done, "\(moved.text)")
            try await pair.target.run("UPDATE tidemark.relation SET definition = jsonb_set(definition, '{oid}', '1')")
            let error = await #expect(throws: PlanError.self) {
                try await pair.migration { $0.acceptsMovedSource = true }.cutover()
            }
            #expect(error?.description.contains("other object ids") == true, "\(error?.description ?? "")")
        }
    }

    /// The text of such a value changes with the catalog, without a write to the row.
    @Test(
        arguments: Cases.some(
            3,
            of: [
                "regclass", "regclass[]", "holder", "holder[]", "named", "regrole", "regprocedure[]",
            ]
        )
    )
    func `made ahead does not remain valid for values that print as names`(_ type: String) async throws {
        let value =
            switch type {
            case "regclass", "named": "'plain'"
            case "regclass[]": "'{plain}'"
            case "holder": "ROW('plain'::regclass)::holder"
            case "holder[]": "ARRAY[ROW('plain'::regclass)::holder]"
            case "regrole": "'postgres'"
            default: "'{f()}'"
            }
        try await DatabasePair.with(
            """
            CREATE TABLE plain (id int PRIMARY KEY); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
            CREATE TYPE holder AS (r regclass); CREATE DOMAIN named AS regclass;
            CREATE TABLE t (id int PRIMARY KEY, r \(type));
            INSERT INTO t SELECT n, \(value) FROM generate_series(1, 3000) n
            """
        ) { pair in
            try await Self.cutOver(pair)
            try await pair.target.run(
                "ALTER TABLE plain RENAME TO renamed; ALTER FUNCTION f() RENAME TO renamed_too"
            )
            let report = try await pair.migration().verify()
            let rows = report.verification?.findings.filter { $0.kind == "rows" } ?? []
            #expect(rows.isEmpty == (type == "regrole"), "\(report.text)")
        }
    }

    @Test func `is refused if a filter calls a function that can be replaced`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 2000);
            CREATE FUNCTION wanted(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0'
            """
        ) { pair in
            for filter in ["public.wanted(id)", "id < 5 AND public.wanted(id + 1)"] {
                let migration = pair.migration { $0.plan.filters[QualifiedName(schema: "public", name: "t")] = filter }
                let error = await #expect(throws: PlanError.self) { try await migration.precopy() }
                #expect(error?.description.contains("public.wanted(integer)") == true, "\(error?.description ?? "")")
            }
        }
    }

    @Test func `is withdrawn by a later cutover that finds a difference`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);
            CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 41'
            """
        ) { pair in
            try await Self.cutOver(pair)
            try await pair.source.run("CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'")
            #expect(try await pair.migration().cutover().outcome == .differs)
            let administration = LedgerAdministration(target: pair.target.endpoint)
            let error = await #expect(throws: LedgerError.self) { try await administration.finish(abandon: false) }
            #expect(error?.description.contains("not done") == true)
            try await pair.target.run("CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'")
            #expect(try await pair.migration().cutover().outcome == .done)
            try await administration.finish(abandon: false)
        }
    }

    @Test func `warns of keys that were assigned by hand beyond their sequence`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t DEFAULT VALUES; INSERT INTO t VALUES (500)"
        ) { pair in
            _ = try await pair.migration().precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done)
            #expect(report.warnings.contains { $0.contains("public.t_id_seq") && $0.contains("500") }, "\(report.text)")
        }
    }

    /// Every statement that `pg_dump` writes about an index besides its definition.
    @Test func `covers every statement about an index`() async throws {
        try await DatabasePair.with(
            """
            CREATE EXTENSION hstore; CREATE TABLE t (id int CONSTRAINT k PRIMARY KEY, a int NOT NULL, h hstore);
            CREATE INDEX plain ON t (abs(a)); ALTER INDEX plain ALTER COLUMN 1 SET STATISTICS 333;
            CREATE UNIQUE INDEX one ON t (a); ALTER TABLE t REPLICA IDENTITY USING INDEX one; ALTER TABLE t CLUSTER ON one;
            ALTER INDEX plain DEPENDS ON EXTENSION hstore; ALTER INDEX k DEPENDS ON EXTENSION hstore;
            COMMENT ON INDEX plain IS 'c'; COMMENT ON CONSTRAINT k ON t IS 'd';
            CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT;
            CREATE INDEX parted ON p (abs(id)); ALTER INDEX parted DEPENDS ON EXTENSION hstore
            """
        ) { pair in
            try await Self.cutOver(pair)
            let dependent =
                "SELECT c.relname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid WHERE d.deptype = 'x' ORDER BY 1"
            #expect(try await pair.target.column(dependent) == pair.source.column(dependent))
            try await pair.target.run(
                "ALTER INDEX plain NO DEPENDS ON EXTENSION hstore; ALTER INDEX plain ALTER COLUMN 1 SET STATISTICS 7"
            )
            let report = try await pair.migration().verify()
            let codes = report.verification?.findings.map(\.code) ?? []
            #expect(Set(codes) == ["index.statistics-targets", "index.dependence-on-extensions"], "\(report.text)")
        }
    }
}
