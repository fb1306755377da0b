import Catalog
import Planning
import Postgres

/// How bad a difference is, kind by kind and attribute by attribute.
struct ObjectRules {
    let omissions: Set<Omission>
    let versions: (source: ServerVersion, target: ServerVersion)

    /// Whether a kind was to be brought over at all.
    func compares(_ kind: String) -> Bool {
        switch kind {
        case "owner": !omissions.contains(.owners)
        case "privileges", "default privileges": !omissions.contains(.privileges)
        case "event trigger": !omissions.contains(.eventTriggers)
        case "publication", "published table": !omissions.contains(.publications)
        case "subscription": !omissions.contains(.subscriptions)
        default: true
        }
    }

    /// Attributes that the server prints from what it has parsed: others print them otherwise, and so may it itself.
    func printed(_ kind: String) -> [ServerText] {
        switch kind {
        case "view", "materialized view", "rule", "trigger", "statistics object": ["definition"]
        case "policy": ["USING", "WITH CHECK"]
        case "function": ["body", "arguments"]
        case "procedure": ["body", "arguments"]
        case "column": ["default"]
        case "domain": ["default", "checks"]
        case "table": ["partition key"]
        case "published table": ["row filter"]
        default: []
        }
    }

    /// Attributes that are what somebody typed, whatever is in quotes there.
    private static let typed: Set<ServerText> = [
        "text", "label", "settings", "library", "options", "TOAST options", "foreign options", "version",
        "initial value", "moving initial value",
    ]

    /// Whether two texts of an attribute differ in nothing but in what the two servers put in quotes.
    func isSame(_ ours: ServerText, _ theirs: ServerText, _ attribute: ServerText, of kind: String) -> Bool {
        if ours == theirs { return true }
        let isTyped =
            Self.typed.contains(attribute) || (attribute == "body" && !ours.begins(with: "CREATE OR REPLACE "))
        return !isTyped && ours.quotedForAllServers == theirs.quotedForAllServers
    }

    /// The object without what only one of the servers can know.
    func comparable(_ object: CatalogObject) -> CatalogObject {
        // Whoever may do everything with a table may also maintain it, since PostgreSQL 17.
        let isMaintained = (versions.source.major >= 17, versions.target.major >= 17)
        guard isMaintained.0 != isMaintained.1, ["privileges", "default privileges"].contains(object.kind) else {
            return object
        }
        return CatalogObject(
            kind: object.kind,
            object: object.object,
            table: object.table,
            attributes: NamedTexts(
                object.attributes.all.mapValues { privileges in
                    privileges.replacingAll(", MAINTAIN*", with: "").replacingAll("MAINTAIN*, ", with: "")
                        .replacingAll(", MAINTAIN", with: "").replacingAll("MAINTAIN, ", with: "")
                }
            ),
            statements: object.statements,
            creation: object.creation,
            removal: object.removal
        )
    }

    /// Whether rows, or where a sequence stands, are lost with it.
    func holdsData(_ kind: String) -> Bool { ["table", "column", "sequence", "extension"].contains(kind) }

    // MARK: The schema public

    private static let publicSchema: ServerText = "schema public"

    /// Whether it is the server's own choice on the source, of which `pg_dump` writes nothing: then the target's stays.
    ///
    /// From PostgreSQL 15 on the schema `public` belongs to `pg_database_owner`; what an older `pg_dump` found it to belong
    /// to, it never wrote.
    func isLeftToServer(_ object: CatalogObject) -> Bool {
        object.kind == "owner" && object.object == Self.publicSchema
            && (versions.target.major < 15 || object.attributes["role"] == "pg_database_owner")
    }

    /// What everybody has in a new database, and `pg_dump` writes nothing of.
    func initialRights(of object: ServerText) -> [ServerText: Set<ServerText>]? {
        guard object == Self.publicSchema else { return nil }
        return [
            "the owner": ["CREATE", "USAGE"], "PUBLIC": versions.target.major < 15 ? ["CREATE", "USAGE"] : ["USAGE"],
        ]
    }

    // MARK: Severities

    /// nil: it is told with something else.
    func severity(ofMissing kind: String) -> Finding.Severity? {
        switch kind {
        // With the object itself.
        case "owner", "privileges": nil
        case "comment", "security label", "statistics object", "default privileges", "event trigger", "publication",
            "published table", "subscription":
            .hurts
        default: .stops
        }
    }

    /// What the target has beside the source's stands in nobody's way, but nobody asked for it either.
    func severity(ofExtra kind: String) -> Finding.Severity? {
        switch kind {
        case "owner", "privileges": nil
        // What a host puts into every database of its own.
        case "extension", "schema", "comment", "security label", "language", "event trigger", "default privileges":
            .note
        default: .hurts
        }
    }

    /// nil: it may differ.
    func severity(of attribute: ServerText, of kind: String) -> Finding.Severity? {
        switch (kind, attribute) {
        case (_, "tablespace"): omissions.contains(.tablespaces) ? nil : .note
        case ("extension", "version"): .note
        case ("extension", _): .stops
        case ("comment", _), ("security label", _), ("owner", _), ("default privileges", _), ("statistics object", _),
            ("event trigger", _), ("publication", _), ("published table", _), ("subscription", _):
            .hurts
        // Whoever names columns, as the tool does itself, notices nothing.
        case ("collation", "order"), ("table", "order of columns"): .note
        case ("column", "storage"), ("column", "compression"), ("column", "statistics target"), ("column", "options"):
            .hurts
        case ("table", "options"), ("table", "TOAST options"), ("table", "access method"),
            ("table", "replica identity"):
            .hurts
        case ("view", "columns"), ("materialized view", "columns"): nil
        case ("materialized view", "populated"), ("materialized view", "access method"): .hurts
        case ("function", "cost"), ("function", "rows"), ("procedure", "cost"): .hurts
        default: .stops
        }
    }

    /// The attributes of some kinds are names of roles, and of some there is only one.
    func problem(_ attribute: ServerText, of kind: String) -> Finding.Problem {
        switch kind {
        case "privileges", "default privileges", "owner", "comment", "security label": "differs"
        default: .attribute(attribute)
        }
    }

    func message(_ attribute: ServerText, of kind: String) -> String {
        switch kind {
        case "privileges", "default privileges":
            attribute.begins(with: "the ")
                ? "the privileges of \(attribute.visible) differ" : "the privileges of role \(attribute.visible) differ"
        case "owner": "it belongs to another role"
        case "comment": "it differs"
        case "security label": "it differs"
        default: "its \(attribute.visible) differs"
        }
    }
}
