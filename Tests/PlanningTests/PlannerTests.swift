import Catalog
import Planning
import Report
import Postgres
import TestSupport
import Testing
import Tidemark

@Suite struct `A plan` {
    private static let schema = """
        CREATE TABLE big (id bigint PRIMARY KEY, filler text);
        INSERT INTO big SELECT n, repeat('x', 200) FROM generate_series(1, 3000) n;
        CREATE TABLE small (id int PRIMARY KEY);
        CREATE TABLE keyless (a int);
        CREATE TABLE nullable (a int UNIQUE);
        CREATE TABLE partial_key (a int NOT NULL, b boolean);
        CREATE UNIQUE INDEX ON partial_key (a) WHERE b;
        CREATE TABLE by_index (a int NOT NULL, b text NOT NULL);
        CREATE UNIQUE INDEX by_index_b ON by_index (b);
        CREATE TABLE two_keys (id int PRIMARY KEY, code text UNIQUE);
        CREATE TABLE parent (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE leaf PARTITION OF parent DEFAULT;
        CREATE TABLE exotic (id int PRIMARY KEY, r regclass);
        ANALYZE;
        """

    private func plan(
        _ pair: DatabasePair,
        wholeBelowBytes: Int = 0,
        _ treatments: [ServerText: Treatment] = [:]
    ) async throws -> [ServerText: TablePlan] {
        var options = PlanOptions()
        options.wholeBelowBytes = wholeBelowBytes
        options.chunkBytes = 64 << 10
        for (name, treatment) in treatments {
            options.treatments[QualifiedName(schema: "public", name: name)] = treatment
        }
        let chosen = options
        return try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
            try await connection.run { connection in
                let catalog = try DatabaseCatalog(of: connection)
                let plan = try Planner(source: catalog, target: nil, options: chosen).plan()
                return Dictionary(uniqueKeysWithValues: plan.tables.map { ($0.name.name, $0) })
            }
        }
    }

    @Test func `treats each table by its size and its key`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let plan = try await plan(pair)
            #expect(plan["big"]?.treatment == .delta)
            #expect((plan["big"]?.wantedChunks ?? 0) > 8)
            #expect(plan["keyless"]?.treatment == .whole)
            #expect(plan["nullable"]?.treatment == .whole, "a key that may be NULL identifies nothing")
            #expect(plan["partial_key"]?.treatment == .whole, "a partial index identifies nothing")
            #expect(plan["by_index"]?.key?.parts.map(\.name) == ["b"])
            #expect(plan["two_keys"]?.hasOtherUniqueKeys == true)
            #expect(plan["big"]?.hasOtherUniqueKeys == false)
            #expect(plan["parent"]?.treatment == .definitionOnly, "rows are in the leaves")
            #expect(plan["leaf"]?.key?.parts.map(\.name) == ["id", "at"])
            #expect(plan["exotic"]?.format == .text, "regclass is an id of the source")
            #expect(plan["big"]?.format == .binary)
            let small = try await self.plan(pair, wholeBelowBytes: 100 << 10)
            #expect(small["small"]?.treatment == .whole)
            #expect(small["big"]?.treatment == .delta)
        }
    }

    @Test func `follows the operator's options, and a partition follows its parent`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let plan = try await plan(pair, ["big": .whole, "parent": .excluded, "two_keys": .excluded])
            #expect(plan["big"]?.treatment == .whole)
            #expect(plan["leaf"]?.treatment == .excluded)
            #expect(plan["two_keys"]?.ranges.isEmpty == true)
        }
    }

    @Test func `applies the condition of a partitioned table to its partitions`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let catalog = try await Connection.with(pair.source.endpoint, purpose: "test") {
                try DatabaseCatalog(of: $0)
            }
            func filters(_ given: [String: String]) throws -> [String?] {
                var options = PlanOptions()
                for (table, filter) in given {
                    options.filters[QualifiedName(schema: "public", name: ServerText(table))] = filter
                }
                let plan = try Planner(source: catalog, target: nil, options: options).plan()
                return ["leaf", "big"].map { name in plan.tables.first { $0.name.name == ServerText(name) }?.filter }
            }
            #expect(try filters(["parent": "id > 7"]) == ["id > 7", nil])
            #expect(try filters(["parent": "id > 7", "leaf": "id > 8", "big": "id > 9"]) == ["id > 8", "id > 9"])
        }
    }

    @Test func `refuses tables and keys that do not exist`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let unknown = await #expect(throws: PlanError.self) { try await plan(pair, ["Big": .whole]) }
            #expect(unknown?.code == .usage)
            #expect(unknown?.description.contains("did you mean public.big?") == true)
            let keyless = await #expect(throws: PlanError.self) { try await plan(pair, ["keyless": .delta]) }
            #expect(keyless?.code == .usage)
        }
    }

    @Test func `suggests append-only if the statistics show only inserts, and never assumes it`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE added (id int PRIMARY KEY, v text);
            INSERT INTO added SELECT n, repeat('v', 100) FROM generate_series(1, 2000) n;
            CREATE TABLE changed (id int PRIMARY KEY, v text);
            INSERT INTO changed SELECT n, repeat('v', 100) FROM generate_series(1, 2000) n;
            UPDATE changed SET v = 'u' WHERE id = 7;
            CREATE TABLE nokey (v text);
            INSERT INTO nokey SELECT repeat(md5(n::text), 10) FROM generate_series(1, 30000) n;
            """
        ) { pair in
            // Counters arrive some time after the writer has disconnected.
            var counted = "0"
            for _ in 0..<100 where counted != "3" {
                counted = try await pair.source.value("SELECT count(*) FROM pg_stat_user_tables WHERE n_tup_ins > 0")
                if counted != "3" { try await Task.sleep(for: .milliseconds(100)) }
            }
            let report = try await pair.migration().plan()
            #expect(report.text.contains("SUGGESTION: public.added: rows were only added"), "\(report.text)")
            #expect(!report.text.contains("SUGGESTION: public.changed"))
            #expect(report.text.contains("Copied whole during cutover: public.nokey"))
            #expect(try await plan(pair)["added"]?.treatment == .delta)
        }
    }
}
