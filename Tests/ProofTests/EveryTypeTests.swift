import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `Every type that a column can have` {
    @Test(.onceIn(3)) func `is copied ahead, as a delta and as a key, and proven`() async throws {
        try await DatabasePair.with { pair in
            try await pair.source.run(try await EveryType.script(for: pair))
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run(EveryType.writes)
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run(EveryType.writes.replacing("20", with: "100"))
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            for isInFull in [false, true] {
                let report = try await pair.migration { $0.verifiesInFull = isInFull }.verify()
                #expect(report.outcome == .done, "\(report.text)")
            }
        }
    }

    @Test(.onceIn(3)) func `is compared if rows are adopted, not copied`() async throws {
        try await DatabasePair.with { pair in
            // The same script makes other tables on a version with other types.
            guard try await pair.source.majorVersion() == pair.target.majorVersion() else { return }
            try await pair.source.run(try await EveryType.script(for: pair))
            try await pair.target.run(try await EveryType.script(for: pair))
            try await pair.source.run(EveryType.writes)
            #expect(try await pair.migration { $0.targetContents = .rows }.precopy().outcome == .done)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(3), arguments: Cases.some(1, of: [false, true])) func `is named if a value differs`(showsValues: Bool)
        async throws
    {
        try await DatabasePair.with { pair in
            try await pair.source.run(try await EveryType.script(for: pair))
            _ = try await pair.migration().precopy()
            let proven = try await pair.migration().cutover()
            #expect(proven.outcome == .done, "\(proven.text)")
            try await pair.target.run(EveryType.damage)
            let report = try await pair.migration { $0.showsValues = showsValues }.verify()
            var damaged = 0
            let tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^of_'"
            for table in try await pair.source.column(tables)
            where try await pair.source.value("SELECT count(*) FROM \"\(table)\" WHERE id = 1") == "1" {
                damaged += 1
                let object = "public.\(Identifier(ServerText(table))) (id) = (1)"
                let finding = report.verification?.findings.first { $0.object == object }
                #expect(finding?.message == "its v, d, a, g differ", "\(table)")
                #expect(finding?.target == "v = NULL, d = NULL, a = NULL, g = NULL", "\(table)")
                #expect(finding?.source?.contains("...") == !showsValues, "\(table)")
            }
            #expect(damaged > 70)
            #expect(report.verification?.findings.filter { $0.kind == "rows" }.count == damaged, "\(report.text)")
        }
    }

    /// Neither type has a default order, and `=` compares boxes by their areas.
    @Test(arguments: Cases.some(1, of: ["point", "box"])) func `may be a key with the user's own operators`(
        type: String
    ) async throws {
        let operators = [("<", "<"), ("<=", "<="), ("==", "="), (">=", ">="), (">", ">")].map { name, comparison in
            """
            CREATE FUNCTION "is \(name)"(\(type), \(type)) RETURNS boolean LANGUAGE sql IMMUTABLE
                AS $$ SELECT $1::text COLLATE "C" \(comparison) $2::text $$;
            CREATE OPERATOR app.\(name) (LEFTARG = \(type), RIGHTARG = \(type), FUNCTION = "is \(name)");

            """
        }
        let value = type == "point" ? "point(n, n % 3)" : "box(point(n, n), point(n + 1, n + 1))"
        try await DatabasePair.with(
            """
            CREATE SCHEMA app; \(operators.joined())
            CREATE FUNCTION app.compare(\(type), \(type)) RETURNS int LANGUAGE sql IMMUTABLE
                AS $$ SELECT CASE WHEN $1 OPERATOR(app.==) $2 THEN 0 WHEN $1 OPERATOR(app.<) $2 THEN -1 ELSE 1 END $$;
            CREATE OPERATOR CLASS app.ordered DEFAULT FOR TYPE \(type) USING btree AS OPERATOR 1 app.<, OPERATOR 2 app.<=,
                OPERATOR 3 app.==, OPERATOR 4 app.>=, OPERATOR 5 app.>, FUNCTION 1 app.compare(\(type), \(type));
            CREATE TABLE t (k \(type) PRIMARY KEY, v int); INSERT INTO t SELECT \(value), n FROM generate_series(1, 3000) n
            """
        ) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run("UPDATE t SET v = -v WHERE v % 100 = 1; DELETE FROM t WHERE v % 100 = 2")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }
}
