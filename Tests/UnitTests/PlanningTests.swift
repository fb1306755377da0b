import Catalog
import Planning
import Postgres
import TestSupport
import Testing

@Suite struct `The planner` {
    private func plan(
        _ source: CatalogBuilder,
        target: CatalogBuilder? = CatalogBuilder(),
        settled: SettledTables = .none,
        _ change: (inout PlanOptions) -> Void = { _ in }
    ) throws -> Plan {
        var options = PlanOptions()
        change(&options)
        return try Planner(
            source: source.catalog,
            target: target?.catalog.identity,
            options: options,
            settled: settled
        ).plan()
    }

    private func table(_ plan: Plan, _ name: String = "t") throws -> TablePlan {
        try #require(plan.tables.first { $0.name == CatalogBuilder.name(name) })
    }

    private var keyed: CatalogBuilder {
        var source = CatalogBuilder()
        source.table("t", ["id bigint!", "v text"])
        source.index("t_pkey", on: "t", ["id"], .primaryKey)
        return source
    }

    @Test func `copies a large table with a primary key ahead`() throws {
        let planned = try table(plan(keyed))
        #expect(planned.treatment == .delta)
        #expect(planned.key?.parts.map(\.name) == ["id"])
        #expect(planned.wantedChunks == 2, "100 MB in chunks of 64 MB")
    }

    @Test func `copies a small table whole`() throws {
        var source = CatalogBuilder()
        source.table("t", bytes: 1 << 20)
        source.index("t_pkey", on: "t", ["id"], .primaryKey)
        #expect(try table(plan(source)).treatment == .whole)
    }

    @Test func `copies a table without a key whole, and warns`() throws {
        var source = CatalogBuilder()
        source.table("t", ["a integer"])
        let plan = try plan(source)
        #expect(try table(plan).treatment == .whole)
        #expect(plan.warnings.count == 1)
    }

    @Test(arguments: ["isPartial", "hasExpressions"])
    func `takes no index that does not identify every row`(_ field: String) throws {
        var source = CatalogBuilder()
        source.table("t")
        source.index("t_u", on: "t", ["id"], .unique, with: [field: true])
        #expect(try table(plan(source)).key == nil)
    }

    @Test(arguments: ["isValid", "isReady", "isLive", "isImmediate"])
    func `takes no index that is not enforced at once`(_ field: String) throws {
        var source = CatalogBuilder()
        source.table("t")
        source.index("t_u", on: "t", ["id"], .unique, with: [field: false])
        #expect(try table(plan(source)).key == nil)
    }

    @Test func `takes no key over columns that may be NULL`() throws {
        var source = CatalogBuilder()
        source.table("t", ["a integer"])
        source.index("t_u", on: "t", ["a"], .uniqueConstraint)
        #expect(try table(plan(source)).key == nil)
    }

    @Test func `prefers the primary key, then fewer columns`() throws {
        var source = CatalogBuilder()
        source.table("t", ["id bigint!", "a integer!", "b integer!"])
        source.index("two", on: "t", ["a", "b"], .unique)
        source.index("one", on: "t", ["a"], .unique, with: ["bytes": 9 << 30])
        #expect(try table(plan(source)).key?.indexName == "one")
        source.index("t_pkey", on: "t", ["id", "a", "b"], .primaryKey)
        #expect(try table(plan(source)).key?.indexName == "t_pkey")
    }

    @Test func `keeps the ledger's key while an index guarantees it`() throws {
        var source = keyed
        source.index("smaller", on: "t", ["id"], .unique, with: ["bytes": 1])
        let earlier = Key(
            parts: [.init(name: "id", type: "bigint", comparison: .native)],
            indexName: "smaller"
        )
        let settled = SettledTables(treatments: [:], filters: [:], keys: [CatalogBuilder.name("t"): earlier])
        #expect(try table(plan(source, settled: settled)).key?.indexName == "smaller")
        #expect(
            try table(plan(keyed, settled: settled)).key?.indexName == "t_pkey",
            "another index over the same columns"
        )
    }

    @Test func `keeps the treatment a run began with, whatever the options say`() throws {
        let settled = SettledTables(treatments: [CatalogBuilder.name("t"): .excluded], filters: [:], keys: [:])
        let planned = try table(plan(keyed, settled: settled) { $0.treatments[CatalogBuilder.name("t")] = .whole })
        #expect(planned.treatment == .excluded && planned.ranges.isEmpty)
    }

    @Test func `knows when another unique key may move a row's value to another chunk`() throws {
        var source = keyed
        #expect(try !table(plan(source)).hasOtherUniqueKeys)
        source.index("t_v", on: "t", ["v"], .uniqueConstraint)
        #expect(try table(plan(source)).hasOtherUniqueKeys)
    }

    @Test func `compares text keys by their bytes where the two servers sort otherwise`() throws {
        var source = CatalogBuilder()
        source.table("t", ["k text!"])
        source.index("t_pkey", on: "t", ["k"], .primaryKey)
        #expect(try table(plan(source)).key?.parts.first?.comparison == .native)
        var target = CatalogBuilder()
        target.identify(["defaultSortOrder": "de_DE.UTF-8 2.36"])
        #expect(try table(plan(source, target: target)).key?.parts.first?.comparison == .bytewise)
        target.identify(["encoding": "LATIN9"])
        #expect(try table(plan(source, target: target)).key?.parts.first?.comparison == .inUTF8)
    }

    @Test func `cuts a table whose key is scattered over it into few chunks`() throws {
        var source = CatalogBuilder()
        source.table(
            "t",
            ["id uuid!"],
            bytes: 10 << 30,
            with: [
                "columns": [CatalogBuilder.column("id uuid!", number: 1, with: ["correlation": 0.01])]
            ]
        )
        source.index("t_pkey", on: "t", ["id"], .primaryKey)
        #expect(try table(plan(source)).wantedChunks == 8)
    }

    @Test func `sends values as text where their binary form holds ids of the source`() throws {
        #expect(try table(plan(keyed)).format == .binary)
        var source = CatalogBuilder()
        source.table("t", ["id bigint!", "r regclass"])
        source.index("t_pkey", on: "t", ["id"], .primaryKey)
        #expect(try table(plan(source)).format == .text)
    }

    @Test func `refuses a table it does not find, and proposes one that is spelled alike`() throws {
        let error = #expect(throws: PlanError.self) {
            try plan(keyed) { $0.treatments[CatalogBuilder.name("T")] = .whole }
        }
        #expect(error?.code == .usage && error?.description.contains("public.t?") == true)
    }

    @Test func `refuses to copy a table ahead that has no key`() {
        var source = CatalogBuilder()
        source.table("t", ["a integer"])
        let error = #expect(throws: PlanError.self) {
            try plan(source) { $0.treatments[CatalogBuilder.name("t")] = .delta }
        }
        #expect(error?.code == .usage)
    }

    @Test(arguments: ["isReadable", "isRowSecurityActive"])
    func `refuses a table whose rows the role does not see, unless it is left out`(_ field: String) throws {
        var source = CatalogBuilder()
        source.table("t", with: [field: field == "isRowSecurityActive"])
        source.index("t_pkey", on: "t", ["id"], .primaryKey)
        let error = #expect(throws: PlanError.self) { try plan(source) }
        #expect(error?.code == .refused && error?.description.contains("public.t") == true)
        #expect(try table(plan(source) { $0.treatments[CatalogBuilder.name("t")] = .excluded }).treatment == .excluded)
    }

    @Test func `treats partitions as their nearest ancestor was asked to be`() throws {
        var source = CatalogBuilder()
        let root = source.table(
            "root",
            ["id bigint!"],
            with: ["kind": "p", "partitionStrategy": "r", "partitionColumns": ["id"]]
        )
        source.table("leaf", ["id bigint!"], with: ["parentOid": root, "partitionBound": "FOR VALUES FROM (0) TO (9)"])
        source.index("leaf_pkey", on: "leaf", ["id"], .primaryKey)
        #expect(try table(plan(source), "leaf").treatment == .delta)
        #expect(try table(plan(source), "root").treatment == .definitionOnly)
        let planned = try plan(source) { $0.treatments[CatalogBuilder.name("root")] = .whole }
        #expect(try table(planned, "leaf").treatment == .whole)
        let mixed = try plan(source) {
            $0.treatments[CatalogBuilder.name("root")] = .excluded
            $0.treatments[CatalogBuilder.name("leaf")] = .delta
        }
        #expect(try table(mixed, "leaf").treatment == .delta)
    }

    @Test func `copies partitions by a hash of an enum through their root`() throws {
        var source = CatalogBuilder()
        let columns = [CatalogBuilder.column("mood public.mood!", number: 1, with: ["typeKind": "e"])]
        let root = source.table(
            "root",
            with: [
                "kind": "p", "partitionStrategy": "h", "partitionColumns": ["mood"], "columns": columns,
            ]
        )
        source.table("leaf", with: ["parentOid": root, "columns": columns])
        let plan = try plan(source)
        #expect(plan.tables.map(\.name.name) == ["root"])
        #expect(try table(plan, "root").treatment == .whole)
    }

    @Test func `suggests append-only where statistics know of inserts alone`() throws {
        var source = CatalogBuilder()
        source.table("t", with: ["rowsInserted": 7])
        source.index("t_pkey", on: "t", ["id"], .primaryKey)
        #expect(try plan(source).suggestions.count == 1)
        #expect(try plan(keyed).suggestions.isEmpty)
    }
}
