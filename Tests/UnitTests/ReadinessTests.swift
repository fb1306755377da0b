import Catalog
import Planning
import Rebuild
import Postgres
import TestSupport
import Testing
import Verification

@Suite struct `Whether the target is ready` {
    private func side(
        _ add: (inout CatalogBuilder) -> Void = { _ in },
        objects: [CatalogObject] = [],
        facts: [String: Any] = [:]
    ) -> Readiness.Side {
        var builder = CatalogBuilder()
        builder.table("t")
        add(&builder)
        let fields: [String: Any] = [
            "withoutStatistics": [Any](), "notVacuumed": [Any](), "nearWraparound": [Any](), "withInsertCode": [Any](),
            "settings": [String: Any](), "roles": [Any](), "mostUsedIndexes": [Any](),
        ]
        let read: ReadinessFacts = CatalogBuilder.decode(fields.merging(facts) { $1 })
        return Readiness.Side(catalog: builder.catalog, objects: objects, facts: read)
    }

    private func findings(
        _ source: Readiness.Side,
        _ target: Readiness.Side,
        excluding excluded: Set<QualifiedName> = [],
        omissions: Set<Omission> = []
    ) -> [Finding] {
        Readiness(source: source, target: target, scope: Scope(excluding: excluded, omitting: omissions)).result()
            .findings
    }

    private static let name = ["schema": "public", "name": "t"]

    private func role(_ name: String, mayConnect: Bool = true, groups: [String] = [], isWriter: Bool = false)
        -> [String: Any]
    {
        ["name": name, "mayConnect": mayConnect, "groups": groups, "isWriter": isWriter]
    }

    private func grant(to role: ServerText) -> CatalogObject {
        CatalogObject(
            kind: .privileges,
            object: "table public.t",
            table: CatalogBuilder.name("t"),
            attributes: NamedTexts([role: "SELECT"])
        )
    }

    @Test func `finds nothing on a target like its source`() {
        #expect(findings(side(), side()).isEmpty)
    }

    @Test func `is hurt by a table without statistics, and says ANALYZE`() {
        let found = findings(side(), side(facts: ["withoutStatistics": [Self.name]]))
        #expect(found.map(\.code) == ["statistics.missing"])
        #expect(found.first?.repair == #"ANALYZE "public"."t""#)
        let excluded: Set = [CatalogBuilder.name("t")]
        #expect(findings(side(), side(facts: ["withoutStatistics": [Self.name]]), excluding: excluded).isEmpty)
    }

    @Test func `notes a table that was never vacuumed`() {
        #expect(findings(side(), side(facts: ["notVacuumed": [Self.name]])).map(\.severity) == [.note])
    }

    @Test(arguments: [
        ("fsync", "off"), ("full_page_writes", "off"), ("autovacuum", "off"), ("zero_damaged_pages", "on"),
        ("session_replication_role", "replica"), ("ignore_checksum_failure", "on"),
    ])
    func `finds a setting that was left behind on the target alone`(_ name: String, _ value: String) {
        let found = findings(side(), side(facts: ["settings": [name: value]]))
        #expect(found.map(\.code) == ["server-setting.left-behind"])
        #expect(
            findings(side(facts: ["settings": [name: value]]), side(facts: ["settings": [name: value]])).isEmpty,
            "a source that runs so runs so on purpose"
        )
    }

    @Test func `finds a target whose server takes no writes, also where the source is closed`() {
        let closed = ["settings": ["default_transaction_read_only": "on"]]
        #expect(findings(side(facts: closed), side(facts: closed)).map(\.severity) == [.stops])
    }

    @Test func `finds a role that works with the source and is not on the target`() {
        let source = side(objects: [grant(to: "app")], facts: ["roles": [role("app")]])
        #expect(findings(source, side()).map(\.code) == ["role.missing"])
        #expect(findings(source, side(facts: ["roles": [role("app")]])).isEmpty)
        #expect(findings(source, side(), omissions: [.owners, .privileges]).isEmpty)
    }

    @Test func `finds a role that cannot log in to the target`() {
        let source = side(objects: [grant(to: "app")], facts: ["roles": [role("app")]])
        let found = findings(source, side(facts: ["roles": [role("app", mayConnect: false)]]))
        #expect(found.map(\.code) == ["role.cannot-connect"] && found.first?.severity == .stops)
        #expect(found.first?.repair == nil, "the reason is not known")
    }

    @Test(arguments: [
        ("NOLOGIN", #"ALTER ROLE "app" LOGIN"#), ("VALID UNTIL", #"ALTER ROLE "app" VALID UNTIL 'infinity'"#),
        ("CONNECTION LIMIT", #"ALTER ROLE "app" CONNECTION LIMIT -1"#),
        ("CONNECT", #"GRANT CONNECT ON DATABASE "shop" TO "app""#),
    ])
    func `repairs what keeps a role from logging in, and nothing else`(_ obstacle: String, _ repair: String) {
        let source = side(objects: [grant(to: "app")], facts: ["roles": [role("app")]])
        let closed = role("app", mayConnect: false).merging(["loginObstacle": obstacle]) { $1 }
        #expect(findings(source, side(facts: ["roles": [closed]])).map(\.repair) == [repair])
    }

    @Test func `follows membership to the roles that log in`() {
        let roles = [role("readers", mayConnect: false), role("app", groups: ["readers"])]
        let source = side(objects: [grant(to: "readers")], facts: ["roles": roles])
        #expect(findings(source, side(facts: ["roles": [role("readers", mayConnect: false)]])).map(\.object) == ["app"])
    }

    /// Memberships belong to the server, so pg_dump does not write them.
    @Test func `finds a role that lacks the membership through which it has its rights`() {
        let readers = role("Readers", mayConnect: false)
        let all = role("all", mayConnect: false, groups: ["Readers"])
        let source = side(
            objects: [grant(to: "\"Readers\"")],
            facts: ["roles": [readers, all, role("web", groups: ["all"])]]
        )
        func found(_ roles: [[String: Any]]) -> [Finding] { findings(source, side(facts: ["roles": roles])) }
        #expect(found([readers, all, role("web", groups: ["all"])]).isEmpty)
        // In another way, or with every right.
        #expect(found([readers, role("all", groups: ["Readers"]), role("web", groups: ["other", "all"])]).isEmpty)
        #expect(found([readers, all, role("web").merging(["isSuperuser": true]) { $1 }]).isEmpty)
        let missing = found([readers, all, role("web")])
        #expect(missing.map(\.code) == ["role.not-a-member"] && missing.first?.severity == .stops)
        #expect(missing.first?.repair == #"GRANT "all" TO "web""#)
        let deeper = found([readers, role("all", mayConnect: false), role("web", groups: ["all"])])
        #expect(deeper.map(\.repair) == [#"GRANT "Readers" TO "all""#])
        // The role that reads the source may have it only for that.
        let reader = side(
            objects: [grant(to: "\"Readers\"")],
            facts: ["roles": [readers, role("app", groups: ["Readers"])]]
        )
        #expect(findings(reader, side(facts: ["roles": [readers, role("app")]])).map(\.severity) == [.note])
        // Nothing depends on the membership if grants are left out.
        let other = side(facts: ["roles": [readers, all, role("web")]])
        #expect(findings(source, other, omissions: [.privileges]).isEmpty)
    }

    @Test func `asks for no role of what was left out`() {
        let source = side(objects: [grant(to: "app")], facts: ["roles": [role("app")]])
        #expect(findings(source, side(), excluding: [CatalogBuilder.name("t")]).isEmpty)
    }

    /// The role that reads the source is often made for that, with rights of its own.
    @Test func `asks for nothing on behalf of a role that may read all data`() {
        let source = side(facts: ["roles": [role("app", groups: ["pg_read_all_data"])]])
        #expect(findings(source, side(facts: ["roles": [role("app")]])).isEmpty)
        #expect(findings(source, side()).isEmpty)
    }

    @Test func `survives roles that are members of each other`() {
        let roles = [role("a", groups: ["b"]), role("b", groups: ["a"])]
        #expect(findings(side(facts: ["roles": roles]), side()).isEmpty)
    }

    @Test func `asks for no role that has nothing on the source`() {
        #expect(findings(side(facts: ["roles": [role("stranger")]]), side()).isEmpty)
    }

    @Test(arguments: ["on", "true", "yes", "1", "ON"])
    func `stops at a target that is still closed by a setting`(_ value: String) {
        let target = side { $0.set("default_transaction_read_only", value) }
        #expect(findings(side(), target).map(\.code) == ["database-setting.closes"])
    }

    @Test func `stops at a timeout no application can live with`() {
        #expect(findings(side(), side { $0.set("statement_timeout", "1ms") }).map(\.severity) == [.stops])
        #expect(findings(side(), side { $0.set("statement_timeout", "30s") }).isEmpty)
        #expect(findings(side(), side { $0.set("statement_timeout", "1ms") }, omissions: [.databaseSettings]).isEmpty)
    }

    @Test func `stops at a target that admits nobody`() {
        #expect(findings(side(), side { $0.database(["connectionLimit": 0]) }).map(\.object) == ["connection limit"])
    }

    @Test func `stops where no writer may connect`() {
        let found = findings(side(), side(facts: ["roles": [role("app", mayConnect: false, isWriter: true)]]))
        #expect(found.map(\.object) == ["CONNECT"])
    }

    @Test func `stops at a writer whose sessions are read-only on the target alone`() {
        let closed = side(facts: ["closedRoles": ["app"]])
        #expect(findings(side(), closed).map(\.code) == ["role.read-only"])
        #expect(findings(closed, closed).isEmpty)
    }
}

@Suite struct `Database settings` {
    private func statements(
        _ source: (inout CatalogBuilder) -> Void,
        _ target: (inout CatalogBuilder) -> Void = { _ in },
        omissions: Set<Omission> = []
    ) -> [String] {
        var (ours, theirs) = (CatalogBuilder(), CatalogBuilder())
        source(&ours)
        target(&theirs)
        return DatabaseSettingsPlan(
            source: ours.catalog.settings,
            target: theirs.catalog.settings,
            name: "shop",
            scope: Scope(omitting: omissions)
        ).statements.map(\.text.string)
    }

    @Test func `are set on the target by its own name`() {
        #expect(statements { $0.set("app.tenant", "1") } == [#"ALTER DATABASE "shop" SET "app"."tenant" TO '1'"#])
    }

    @Test func `are set for a role in this database alone`() {
        #expect(
            statements { $0.set("app.tenant", "1", role: "app") }
                == [#"ALTER ROLE "app" IN DATABASE "shop" SET "app"."tenant" TO '1'"#]
        )
    }

    @Test func `are left as they are where they are the same`() {
        #expect(statements({ $0.set("app.a", "1") }, { $0.set("app.a", "1") }).isEmpty)
    }

    @Test func `are left out where the target's server does not know them`() {
        #expect(statements { $0.set("old_parameter", "1") }.isEmpty)
        #expect(
            statements({ $0.set("work_mem", "64MB") }, { $0.database(["parameters": ["work_mem"]]) })
                == [#"ALTER DATABASE "shop" SET "work_mem" TO '64MB'"#]
        )
    }

    @Test func `keep the parts of a list apart`() {
        #expect(
            statements(
                { $0.set("search_path", #"app, "Odd, name""#) },
                { $0.database(["parameters": ["search_path"]]) }
            )
                == [#"ALTER DATABASE "shop" SET "search_path" TO 'app', 'Odd, name'"#]
        )
    }

    @Test func `that close the source for the night stay behind`() {
        #expect(
            statements(
                { $0.set("default_transaction_read_only", "on") },
                { $0.database(["parameters": ["default_transaction_read_only"]]) }
            ).isEmpty
        )
        #expect(statements { $0.database(["connectionLimit": 0]) }.isEmpty)
        #expect(statements { $0.database(["connectionLimit": 9]) } == [#"ALTER DATABASE "shop" CONNECTION LIMIT 9"#])
    }

    @Test func `carry comment and grants, each unless left out`() {
        let source: (inout CatalogBuilder) -> Void = {
            $0.database([
                "comment": "it's", "grants": [["role": "app", "privilege": "CONNECT", "isGrantable": true]],
            ])
        }
        #expect(
            statements(source) == [
                #"COMMENT ON DATABASE "shop" IS 'it''s'"#, #"REVOKE ALL ON DATABASE "shop" FROM PUBLIC"#,
                #"GRANT CONNECT ON DATABASE "shop" TO "app" WITH GRANT OPTION"#,
            ]
        )
        #expect(statements(source, omissions: [.privileges]).count == 1)
        #expect(statements(source, omissions: [.databaseSettings]).isEmpty)
    }
}
