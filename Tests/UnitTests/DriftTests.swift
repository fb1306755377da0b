import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import TestSupport
import Testing

@Suite struct `The drift of tables` {
    private func relation(_ builder: CatalogBuilder, _ treatment: Treatment = .delta) throws -> RelationEntry {
        let catalog = builder.catalog
        let table = try #require(catalog.tables.first)
        let plan = try Planner(source: catalog, target: catalog.identity, options: PlanOptions()).plan()
        let planned = try #require(plan.tables.first)
        let settled = TablePlan(
            name: planned.name,
            treatment: treatment,
            reason: planned.reason,
            key: treatment.isCopiedAhead ? planned.key : nil,
            format: planned.format,
            estimatedRows: 0,
            tableBytes: 0,
            hasOtherUniqueKeys: planned.hasOtherUniqueKeys,
            ranges: planned.ranges,
            filter: nil,
            wantedChunks: 1
        )
        return RelationEntry(settled, table)
    }

    /// `before` is one table, as the ledger has it.
    private func drift(
        _ before: CatalogBuilder,
        _ after: CatalogBuilder,
        _ treatment: Treatment = .delta,
        fileNodes: Set<UInt32> = [],
        altered: Set<UInt32> = []
    ) throws -> TableDrift {
        let catalog = after.catalog
        return TableDrift(
            relations: [try relation(before, treatment)],
            source: catalog,
            plan: try Planner(source: catalog, target: catalog.identity, options: PlanOptions()).plan(),
            fileNodes: [0: fileNodes],
            altered: altered
        )
    }

    private func database(_ columns: [[String: Any]]? = nil, with changes: [String: Any] = [:]) -> CatalogBuilder {
        var builder = CatalogBuilder()
        let columns = columns ?? Self.columns
        builder.table("t", [], with: ["oid": 20_000, "columns": columns].merging(changes) { $1 })
        builder.index("t_pkey", on: changes["name"] as? String ?? "t", ["id"], .primaryKey)
        return builder
    }

    private static var columns: [[String: Any]] {
        [CatalogBuilder.column("id bigint!", number: 1), CatalogBuilder.column("v text", number: 2)]
    }

    @Test func `is none where nothing has changed`() throws {
        #expect(try drift(database(), database()).isEmpty)
    }

    @Test func `knows a table by its object id, not by its name`() throws {
        let drift = try drift(database(), database(nil, with: ["name": "renamed"]))
        #expect(drift.gone.isEmpty && drift.added.isEmpty)
        #expect(drift.changes.map(\.isRenamed) == [true])
        #expect(drift.changes.first?.reasonToCopyAgain == nil)
    }

    @Test func `takes a table of the same name with another object id for another table`() throws {
        let drift = try drift(database(), database(nil, with: ["oid": 20_001]))
        #expect(drift.gone.count == 1 && drift.added.count == 1 && drift.changes.isEmpty)
    }

    @Test func `keeps the rows where a column was only added`() throws {
        let added = Self.columns + [CatalogBuilder.column("n integer", number: 3)]
        let change = try #require(drift(database(), database(added), fileNodes: [20_000]).changes.first)
        #expect(change.differences == ["column \"n\" is new"])
        #expect(change.reasonToCopyAgain == nil)
    }

    @Test func `copies again where a column was added and the file was written anew`() throws {
        let added = Self.columns + [CatalogBuilder.column("n integer", number: 3)]
        let change = try #require(drift(database(), database(added), fileNodes: [19_000]).changes.first)
        #expect(change.reasonToCopyAgain != nil)
    }

    @Test func `keeps the rows where the file alone was written anew`() throws {
        #expect(try drift(database(), database(), fileNodes: [19_000]).isEmpty)
    }

    @Test func `notices a type that was changed`() throws {
        let retyped = [Self.columns[0], CatalogBuilder.column("v varchar", number: 2)]
        let change = try #require(drift(database(), database(retyped), fileNodes: [20_000]).changes.first)
        #expect(change.differences.count == 1)
    }

    @Test func `notices two columns that have swapped their names`() throws {
        let swapped = [
            CatalogBuilder.column("v bigint!", number: 1), CatalogBuilder.column("id text", number: 2),
        ]
        let change = try #require(drift(database(), database(swapped)).changes.first)
        #expect(change.differences.count { $0.contains("was renamed to") } == 2)
    }

    @Test func `copies again where another key identifies the rows`() throws {
        var after = CatalogBuilder()
        after.table(
            "t",
            [],
            with: [
                "oid": 20_000,
                "columns": [
                    CatalogBuilder.column("id bigint!", number: 1), CatalogBuilder.column("v text!", number: 2),
                ],
            ]
        )
        after.index("t_v", on: "t", ["v"], .primaryKey)
        #expect(try drift(database(), after, fileNodes: [20_000]).changes.first?.reasonToCopyAgain != nil)
    }

    @Test func `notices another unique key, by which a pass is settled`() throws {
        var after = database()
        after.index("t_v", on: "t", ["v"], .uniqueConstraint)
        #expect(try drift(database(), after).changes.first?.differences == ["it now has another unique key"])
    }

    @Test(
        arguments: [
            ("persistence", "u"), ("parentOid", 20_002), ("inheritedTables", [["schema": "public", "name": "p"]]),
        ] as [(String, any Sendable)]
    )
    func `notices what else a table is`(_ field: String, _ value: any Sendable) throws {
        #expect(try drift(database(), database(nil, with: [field: value])).changes.count == 1)
    }

    @Test func `is told of settings that only the definitions show`() throws {
        let drift = try drift(database(), database(), altered: [20_000])
        #expect(drift.changes.first?.differences == ["its constraints or settings changed"])
    }

    @Test func `copies a table that is copied whole anyway without a reason`() throws {
        let added = Self.columns + [CatalogBuilder.column("n integer", number: 3)]
        let change = try #require(drift(database(), database(added), .whole, fileNodes: [1]).changes.first)
        #expect(change.reasonToCopyAgain == nil && change.isAlteration)
    }
}

@Suite struct `The alteration of a table` {
    private func table(_ columns: [[String: Any]], with changes: [String: Any] = [:]) throws -> Table {
        var builder = CatalogBuilder()
        builder.table("t", [], with: ["columns": columns].merging(changes) { $1 })
        return try #require(builder.catalog.tables.first)
    }

    private static func column(_ text: String, _ number: Int, with changes: [String: Any] = [:]) -> [String: Any] {
        CatalogBuilder.column(text, number: number, with: changes)
    }

    private func columns(
        from earlier: [[String: Any]],
        to later: [[String: Any]],
        actual: [[String: Any]]? = nil,
        isEmpty: Bool = false,
        missingValue: ServerText? = nil
    ) throws -> [String] {
        try TableAlteration(from: table(earlier), to: table(later), isEmpty: isEmpty)
            .columns(of: table(actual ?? earlier)) { _ in missingValue }.map(\.text.string)
    }

    private func attributes(_ later: [[String: Any]], _ actual: [[String: Any]], with changes: [String: Any] = [:])
        throws
        -> [String]
    {
        let later = try table(later, with: changes)
        return try TableAlteration(from: later, to: later, isEmpty: false).attributes(of: table(actual))
            .map(\.text.string)
    }

    private static let alter = #"ALTER TABLE "public"."t""#

    @Test func `adds a column with what its old rows have in it`() throws {
        let made = try columns(
            from: [Self.column("a integer", 1)],
            to: [Self.column("a integer", 1), Self.column("b text", 2)],
            missingValue: "it's"
        )
        #expect(made == [Self.alter + #" ADD COLUMN "b" text DEFAULT 'it''s'::text"#])
    }

    @Test func `drops what is gone, without CASCADE`() throws {
        let made = try columns(
            from: [Self.column("a integer", 1), Self.column("b text", 2)],
            to: [Self.column("a integer", 1)]
        )
        #expect(made == [Self.alter + #" DROP COLUMN "b""#])
    }

    @Test func `lets two columns swap their names`() throws {
        let made = try columns(
            from: [Self.column("a integer", 1), Self.column("b integer", 2)],
            to: [Self.column("b integer", 1), Self.column("a integer", 2)]
        )
        #expect(made.count == 4 && made.allSatisfy { $0.contains("RENAME COLUMN") })
        #expect(made.prefix(2).allSatisfy { $0.contains("tidemark_renamed_") })
    }

    @Test func `makes nothing twice that was made on the target by hand`() throws {
        let later = [Self.column("a integer", 1), Self.column("b text", 2)]
        #expect(try columns(from: [Self.column("a integer", 1)], to: later, actual: later).isEmpty)
    }

    @Test func `changes a type in place, and by its text where no row is there`() throws {
        let (before, after) = ([Self.column("a integer", 1)], [Self.column("a bigint", 1)])
        #expect(try columns(from: before, to: after) == [Self.alter + #" ALTER COLUMN "a" TYPE bigint"#])
        let empty = try columns(from: before, to: after, isEmpty: true)
        #expect(empty.count == 1 && empty[0].contains(" USING "))
    }

    @Test func `frees a column of a default that could not be cast`() throws {
        let before = [Self.column("a integer", 1, with: ["defaultExpression": "1"])]
        let made = try columns(from: before, to: [Self.column("a text", 1)])
        #expect(made.first == Self.alter + #" ALTER COLUMN "a" DROP DEFAULT"#)
    }

    @Test func `computes a generated column anew where its expression changed`() throws {
        let made = try columns(
            from: [Self.column("g integer", 1, with: ["generated": "s", "defaultExpression": "1"])],
            to: [Self.column("g integer", 1, with: ["generated": "s", "defaultExpression": "2"])]
        )
        #expect(
            made == [
                Self.alter + #" DROP COLUMN "g""#,
                Self.alter + #" ADD COLUMN "g" integer GENERATED ALWAYS AS (2) STORED"#,
            ]
        )
    }

    @Test func `keeps the values of a column that is generated no more`() throws {
        let made = try columns(
            from: [Self.column("g integer", 1, with: ["generated": "s", "defaultExpression": "1"])],
            to: [Self.column("g integer", 1)]
        )
        #expect(made == [Self.alter + #" ALTER COLUMN "g" DROP EXPRESSION"#])
    }

    @Test func `sets defaults, and takes NOT NULL back at once`() throws {
        let made = try attributes(
            [Self.column("a integer", 1, with: ["defaultExpression": "7"])],
            [Self.column("a integer!", 1)]
        )
        #expect(
            made == [
                Self.alter + #" ALTER COLUMN "a" SET DEFAULT 7"#, Self.alter + #" ALTER COLUMN "a" DROP NOT NULL"#,
            ]
        )
    }

    @Test func `leaves a new NOT NULL until the rows are there`() throws {
        let later = try table([Self.column("a integer!", 1)])
        let actual = try table([Self.column("a integer", 1)])
        let alteration = TableAlteration(from: later, to: later, isEmpty: false)
        #expect(alteration.attributes(of: actual).isEmpty)
        #expect(alteration.missingNotNull(in: actual).map(\.name) == ["a"])
    }

    @Test func `follows logging and inheritance`() throws {
        let parent = [["schema": "public", "name": "p"]]
        let made = try attributes(
            [Self.column("a integer", 1)],
            [Self.column("a integer", 1)],
            with: ["persistence": "u", "inheritedTables": parent]
        )
        #expect(made == [Self.alter + " SET UNLOGGED", Self.alter + #" INHERIT "public"."p""#])
    }
}
