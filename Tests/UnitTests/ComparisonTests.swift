import Catalog
import Planning
import Postgres
import TestSupport
import Testing
import Verification

@Suite struct `The comparison of keys and constraints` {
    private func findings(
        _ source: CatalogBuilder,
        _ target: CatalogBuilder,
        excluding excluded: Set<QualifiedName> = [],
        omissions: Set<Omission> = []
    ) -> [Finding] {
        DefinitionComparison(
            source: source.catalog,
            target: target.catalog,
            scope: Scope(excluding: excluded, omitting: omissions)
        ).result().findings
    }

    private func database(_ add: (inout CatalogBuilder) -> Void = { _ in }) -> CatalogBuilder {
        var database = CatalogBuilder()
        database.table("t", ["id bigint!", "a integer"])
        database.table("u", ["id bigint!"])
        add(&database)
        return database
    }

    private func index(_ changes: [String: Any] = [:], _ kind: CatalogBuilder.IndexKind = .primaryKey) -> CatalogBuilder
    {
        database { $0.index("t_pkey", on: "t", ["id"], kind, with: changes) }
    }

    private func foreignKey(_ changes: [String: Any] = [:]) -> CatalogBuilder {
        database { $0.foreignKey("fk", on: "t", "a", references: "u", with: changes) }
    }

    @Test func `finds nothing where both are alike`() {
        #expect(findings(index(), index()).isEmpty && findings(foreignKey(), foreignKey()).isEmpty)
    }

    @Test func `stops at a missing key and says how it is built`() throws {
        let finding = try #require(findings(index(), database()).first)
        #expect(finding.severity == .stops && finding.code == "primary-key.missing")
        #expect(finding.repair == #"ALTER TABLE "public"."t" ADD CONSTRAINT "t_pkey" PRIMARY KEY (id)"#)
    }

    @Test func `is hurt, not stopped, by a missing plain index`() throws {
        #expect(findings(index([:], .plain), database()).map(\.severity) == [.hurts])
        #expect(findings(index([:], .unique), database()).map(\.severity) == [.stops])
    }

    @Test(arguments: ["isValid", "isReady", "isLive"])
    func `stops at a key that is in the catalog and not enforced`(_ field: String) {
        let found = findings(index(), index([field: false]))
        #expect(found.map(\.code) == ["primary-key.not-enforced"] && found.first?.severity == .stops)
    }

    @Test(arguments: ["isValid", "isReady", "isLive"])
    func `asks for no index that the source does not enforce`(_ field: String) {
        #expect(findings(index([field: false], .plain), database()).isEmpty)
    }

    @Test(arguments: [
        ("isUnique", false), ("isImmediate", false), ("isDeferrable", true), ("isDeferred", true),
        ("isNullsNotDistinct", true), ("isExclusion", true),
    ])
    func `stops at every flag that decides over enforcement`(_ field: String, _ value: Bool) {
        #expect(findings(index(), index([field: value])).map(\.severity) == [.stops])
        #expect(findings(index([field: value]), index()).map(\.severity).allSatisfy { $0 >= .hurts })
    }

    @Test(arguments: ["isClustered", "isReplicaIdentity"])
    func `is hurt by a lost mark, and sets it again`(_ field: String) {
        let found = findings(index([field: true]), index())
        #expect(found.map(\.severity) == [.hurts] && found.first?.repair != nil)
        #expect(findings(index(), index([field: true])).first?.repair == nil)
    }

    @Test func `notes another tablespace`() {
        #expect(findings(index(["tablespace": "fast"]), index()).map(\.severity) == [.note])
    }

    @Test func `names a constraint that is no constraint on the target`() {
        let found = findings(index(), index([:], .unique))
        #expect(found.contains { $0.code.hasSuffix(".constraint") })
    }

    @Test func `is hurt by an index the source does not have`() {
        let found = findings(database(), index([:], .plain))
        #expect(found.map(\.code) == ["index.extra"] && found.first?.severity == .hurts)
    }

    @Test func `looks at no excluded table`() {
        #expect(findings(index(), database(), excluding: [CatalogBuilder.name("t")]).isEmpty)
        #expect(findings(foreignKey(), database(), excluding: [CatalogBuilder.name("u")]).isEmpty)
    }

    @Test(arguments: [("isEnforced", false), ("isDeferrable", true), ("isDeferred", true), ("isNoInherit", true)])
    func `stops at a foreign key that holds otherwise`(_ field: String, _ value: Bool) {
        #expect(findings(foreignKey(), foreignKey([field: value])).map(\.severity) == [.stops])
    }

    @Test func `stops at a foreign key that was not validated, unless that was asked for`() {
        let open = foreignKey([
            "isValidated": false, "definition": "FOREIGN KEY (a) REFERENCES public.u(id) NOT VALID",
        ])
        #expect(findings(foreignKey(), open).map(\.severity) == [.stops])
        #expect(findings(foreignKey(), open, omissions: [.foreignKeyValidation]).map(\.severity) == [.note])
    }

    @Test func `does not ask a partition for what it inherits`() {
        #expect(findings(foreignKey(["parentOid": 9]), database()).isEmpty)
    }

    @Test func `notes a setting that closes the source and stays behind`() {
        let closed = database { $0.set("default_transaction_read_only", "on") }
        #expect(findings(closed, database()).map(\.code) == ["database-setting.left-behind"])
    }

    @Test func `is hurt by a setting the target lacks, and notes one its server does not know`() {
        let source = database { $0.set("work_mem", "64MB") }
        #expect(findings(source, database { $0.database(["parameters": ["work_mem"]]) }).map(\.severity) == [.hurts])
        #expect(findings(source, database()).map(\.code) == ["database-setting.unknown"])
        #expect(findings(source, database(), omissions: [.databaseSettings]).isEmpty)
    }
}

@Suite struct `The comparison of objects` {
    private func findings(
        _ source: [CatalogObject],
        _ target: [CatalogObject],
        versions: (Int, Int) = (150_020, 150_020),
        excluding excluded: Set<QualifiedName> = [],
        omissions: Set<Omission> = []
    ) -> [Finding] {
        ObjectComparison(
            source: source,
            target: target,
            versions: (ServerVersion(number: versions.0), ServerVersion(number: versions.1)),
            scope: Scope(excluding: excluded, omitting: omissions)
        ).result().findings
    }

    private func object(
        _ kind: ObjectKind,
        _ name: ServerText,
        _ attributes: NamedTexts = [:],
        table: String? = nil,
        creation: ServerText? = nil,
        removal: ServerText? = nil
    ) -> CatalogObject {
        CatalogObject(
            kind: kind,
            object: name,
            table: table.map(CatalogBuilder.name),
            attributes: attributes,
            creation: creation,
            removal: removal
        )
    }

    @Test(arguments: ObjectKind.allCases) func `finds nothing where both are alike`(_ kind: ObjectKind) {
        let same = [object(kind, "public.x", ["definition": "y"])]
        #expect(findings(same, same).isEmpty)
    }

    @Test(arguments: ObjectKind.allCases.filter { ![.owner, .privileges].contains($0) })
    func `names what is missing, whatever kind it is`(_ kind: ObjectKind) {
        let found = findings([object(kind, "public.x", creation: "CREATE x")], [])
        #expect(found.map(\.object) == ["public.x"] && found.first?.repair == "CREATE x")
        #expect((found.first?.severity ?? .note) >= .hurts)
    }

    @Test(arguments: [ObjectKind.table, .column, .sequence, .extension])
    func `prints no statement that would destroy what an object holds`(_ kind: ObjectKind) {
        #expect(findings([], [object(kind, "public.x", removal: "DROP x")]).map(\.repair) == [nil])
    }

    @Test func `prints how to drop what holds nothing`() {
        #expect(findings([], [object(.view, "public.x", removal: "DROP x")]).map(\.repair) == ["DROP x"])
    }

    @Test func `says one thing of a missing table, not one of each of its columns`() {
        let table = [
            object(.table, "public.t", table: "t"), object(.column, "public.t.a", table: "t"),
            object(.trigger, "g on public.t", table: "t"),
        ]
        #expect(findings(table, []).map(\.kind) == ["table"])
    }

    @Test func `compares names that only one server quotes`() {
        let (ours, theirs) = (object(.column, "public.t.json"), object(.column, "public.t.\"json\""))
        #expect(findings([ours], [theirs]).isEmpty)
    }

    @Test func `compares definitions that only one server quotes`() {
        let ours = object(.column, "public.t.g", ["default": "(json_value + 1)"])
        let theirs = object(.column, "public.t.g", ["default": "(\"json_value\" + 1)"])
        #expect(findings([ours], [theirs]).isEmpty)
    }

    @Test func `does not touch what somebody typed`() {
        let ours = object(.comment, "table public.t", ["text": "json"])
        let theirs = object(.comment, "table public.t", ["text": "\"json\""])
        #expect(findings([ours], [theirs]).map(\.code) == ["comment.differs"])
    }

    @Test(arguments: [
        (ObjectKind.owner, Omission.owners), (.privileges, .privileges), (.defaultPrivileges, .privileges),
        (.eventTrigger, .eventTriggers), (.publication, .publications), (.publishedTable, .publications),
        (.subscription, .subscriptions),
    ])
    func `leaves alone what was asked to be left out`(_ kind: ObjectKind, _ omission: Omission) {
        let (ours, theirs) = ([object(kind, "x", ["role": "a"])], [object(kind, "x", ["role": "b"])])
        #expect(!findings(ours, theirs).isEmpty)
        #expect(findings(ours, theirs, omissions: [omission]).isEmpty)
    }

    @Test func `looks at nothing of an excluded table`() {
        let ours = [object(.trigger, "g on public.t", table: "t")]
        #expect(findings(ours, [], excluding: [CatalogBuilder.name("t")]).isEmpty)
    }

    @Test func `does not hold MAINTAIN against a server that has no such right`() {
        let ours = object(.privileges, "table public.t", ["app": "DELETE, INSERT"])
        let theirs = object(.privileges, "table public.t", ["app": "DELETE, INSERT, MAINTAIN"])
        #expect(findings([ours], [theirs], versions: (150_020, 180_000)).isEmpty)
        #expect(!findings([ours], [theirs], versions: (180_000, 180_000)).isEmpty)
    }

    @Test func `notes another version of an extension`() {
        let (ours, theirs) = (
            object(.extension, "postgis", ["version": "3.3"]), object(.extension, "postgis", ["version": "3.5"])
        )
        #expect(findings([ours], [theirs]).map(\.severity) == [.note])
    }

    @Test func `asks a server about words, and believes it`() {
        let ours = object(.view, "public.v", ["definition": "SELECT 1 AS a"])
        let theirs = object(.view, "public.v", ["definition": "SELECT (1) AS a"])
        let comparison = ObjectComparison(
            source: [ours],
            target: [theirs],
            versions: (ServerVersion(number: 150_020), ServerVersion(number: 180_000)),
            scope: .everything
        )
        #expect(comparison.doubts.count == 1)
        #expect(comparison.result().findings.count == 1)
        #expect(comparison.result(agreeing: Set(comparison.doubts)).findings.isEmpty)
    }
}
