import Catalog
import Planning
import Postgres
import TestSupport
import Testing
import Verification

@Suite struct `The inspection` {
    private static var nothing: [String: Any] {
        [
            "extensions": [Any](), "roles": [Any](), "hasObjectsOfBootstrap": false, "bootstrapRole": "postgres",
            "bootstrapOwnsPublic": false, "tablespaces": [Any](), "collations": [Any](), "languages": [Any](),
            "superuserObjects": [Any](), "subscriptions": [Any](), "callingChecks": [Any](), "hiddenUserMappings": 0,
            "replicationSlots": 0, "unreadableLargeObjects": 0, "isSuperuser": false,
        ]
    }
    private static var ordinary: [String: Any] {
        [
            "extensions": [Any](), "roles": [Any](), "tablespaces": [Any](), "collations": [Any](),
            "languages": [Any](),
            "mayCreateSubscriptions": false, "isSuperuser": false, "mayCreateRoles": false, "ownsDatabase": true,
            "superuserParameters": [Any](),
        ]
    }

    private func findings(
        needs: [String: Any] = [:],
        offers: [String: Any] = [:],
        omissions: Set<Omission> = [],
        _ add: (inout CatalogBuilder) -> Void = { _ in }
    ) -> [Finding] {
        var source = CatalogBuilder()
        add(&source)
        return Inspection(
            source: source.catalog,
            requirements: CatalogBuilder.decode(Self.nothing.merging(needs) { $1 }),
            target: CatalogBuilder().catalog,
            provisions: CatalogBuilder.decode(Self.ordinary.merging(offers) { $1 }),
            scope: Scope(omitting: omissions)
        ).findings
    }

    private func extensionOffer(_ changes: [String: Any] = [:]) -> [String: Any] {
        let offer: [String: Any] = ["name": "citext", "version": "1.6", "isDefault": true, "needsSuperuser": false]
        return ["extensions": [offer.merging(changes) { $1 }]]
    }

    private static var citext: [String: Any] {
        [
            "extensions": [["name": "citext", "version": "1.6", "schema": "ext"]]
        ]
    }

    @Test func `finds nothing wrong with an ordinary database`() {
        #expect(findings().isEmpty)
    }

    @Test func `stops at an extension the server does not have`() {
        #expect(findings(needs: Self.citext).map(\.code) == ["extension.unavailable"])
        #expect(findings(needs: Self.citext, offers: extensionOffer()).isEmpty)
    }

    @Test func `stops at an extension that stands in another schema`() {
        let found = findings(needs: Self.citext, offers: extensionOffer(["installedIn": "public"]))
        #expect(found.map(\.code) == ["extension.schema"])
    }

    @Test func `asks a superuser for an extension only where it is not there yet`() {
        let found = findings(needs: Self.citext, offers: extensionOffer(["needsSuperuser": true]))
        #expect(found.map(\.code) == ["extension.needs-superuser"])
        #expect(found.first?.repair == #"CREATE EXTENSION "citext" SCHEMA "ext""#)
        let there = extensionOffer(["needsSuperuser": true, "installedIn": "ext"])
        #expect(findings(needs: Self.citext, offers: there).isEmpty)
    }

    @Test func `notes another version of an extension`() {
        #expect(findings(needs: Self.citext, offers: extensionOffer(["version": "1.7"])).map(\.severity) == [.note])
    }

    @Test func `stops at a collation or a tablespace the server does not have`() {
        #expect(findings(needs: ["collations": ["de_DE"]]).map(\.code) == ["collation.unavailable"])
        #expect(findings(needs: ["tablespaces": ["fast"]]).map(\.code) == ["tablespace.unavailable"])
        #expect(findings(needs: ["tablespaces": ["fast"]], omissions: [.tablespaces]).isEmpty)
    }

    private static var owner: [String: Any] { ["roles": [["name": "app", "isOwner": true, "ownsInPublic": false]]] }

    private func role(_ changes: [String: Any] = [:]) -> [String: Any] {
        let role: [String: Any] = [
            "name": "app", "isSuperuser": false, "mayGiveTo": true, "mayCreateInPublic": true,
        ]
        return ["roles": [role.merging(changes) { $1 }]]
    }

    @Test func `stops at a role that is not on the target`() {
        #expect(findings(needs: Self.owner).map(\.code) == ["role.missing"])
        #expect(findings(needs: Self.owner, offers: role()).isEmpty)
        #expect(findings(needs: Self.owner, omissions: [.owners, .privileges]).isEmpty)
    }

    @Test func `stops at an owner that things cannot be given to`() {
        let found = findings(needs: Self.owner, offers: role(["mayGiveTo": false]))
        #expect(found.map(\.code) == ["role.not-a-member"] && found.first?.repair == #"GRANT "app" TO "app""#)
        #expect(findings(needs: Self.owner, offers: role(["mayGiveTo": false]), omissions: [.owners]).isEmpty)
    }

    @Test func `never advises to make somebody a member of a superuser`() {
        let found = findings(needs: Self.owner, offers: role(["mayGiveTo": false, "isSuperuser": true]))
        #expect(found.map(\.repair) == [nil])
    }

    @Test func `stops at an owner that may not create in public`() {
        let needs: [String: Any] = ["roles": [["name": "app", "isOwner": true, "ownsInPublic": true]]]
        let found = findings(needs: needs, offers: role(["mayCreateInPublic": false]))
        #expect(found.map(\.code) == ["role.may-not-create"])
    }

    @Test func `stops at what only a superuser may make, unless it is left out`() {
        let trigger: [String: Any] = [
            "superuserObjects": [["kind": "event trigger", "omission": "event-triggers", "name": "e"]]
        ]
        #expect(findings(needs: trigger).map(\.code) == ["event-trigger.needs-superuser"])
        #expect(findings(needs: trigger, omissions: [.eventTriggers]).isEmpty)
        #expect(findings(needs: trigger, offers: ["isSuperuser": true]).isEmpty)
    }

    @Test func `says what becomes of a subscription`() {
        let needs: [String: Any] = ["subscriptions": ["s"]]
        #expect(findings(needs: needs).map(\.code) == ["subscription.unreadable"])
        let readable = needs.merging(["isSuperuser": true]) { $1 }
        #expect(findings(needs: readable).map(\.code) == ["subscription.needs-superuser"])
        #expect(
            findings(needs: readable, offers: ["mayCreateSubscriptions": true]).map(\.code)
                == ["subscription.arrives-disabled"]
        )
        #expect(findings(needs: needs, omissions: [.subscriptions]).isEmpty)
    }

    @Test func `stops at database settings where the target's owner is somebody else`() {
        let found = findings(offers: ["ownsDatabase": false]) { $0.set("app.a", "1") }
        #expect(found.map(\.code) == ["database-setting.needs-owner"])
        #expect(
            findings(offers: ["ownsDatabase": false], omissions: [.databaseSettings]) { $0.set("app.a", "1") }.isEmpty
        )
    }

    @Test func `notes a setting the target's server does not know`() {
        #expect(findings { $0.set("old_parameter", "1") }.map(\.code) == ["database-setting.unknown"])
    }

    @Test func `notes a setting of a role that is not there, or not ours to set`() {
        #expect(findings { $0.set("app.a", "1", role: "other") }.map(\.code) == ["database-setting.role-missing"])
        let offers = role(["name": "other"])
        #expect(
            findings(offers: offers) { $0.set("app.a", "1", role: "other") }.map(\.code)
                == ["database-setting.needs-createrole"]
        )
    }

    @Test func `tells of an invalid index by what it would enforce`() {
        let severities = [CatalogBuilder.IndexKind.plain, .unique].map { kind in
            findings {
                $0.table("t")
                $0.index("i", on: "t", ["id"], kind, with: ["isValid": false])
            }.map(\.severity)
        }
        #expect(severities == [[.note], [.hurts]])
    }

    @Test(arguments: [
        ("hiddenUserMappings", "user-mapping.unreadable"), ("replicationSlots", "replication-slot.left-behind"),
        ("unreadableLargeObjects", "large-object.unreadable"),
    ])
    func `counts what does not arrive`(_ field: String, _ code: String) {
        #expect(findings(needs: [field: 3]).map(\.code) == [code])
    }

    @Test func `says that prepared transactions stay behind`() {
        #expect(
            findings { $0.identify(["preparedTransactions": 2]) }.map(\.code) == ["prepared-transaction.left-behind"]
        )
    }

    @Test func `has the worst first`() {
        let found = findings(needs: ["replicationSlots": 1, "collations": ["x"]])
        #expect(found.map(\.severity) == [.stops, .hurts])
    }
}
