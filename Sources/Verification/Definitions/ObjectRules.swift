import Catalog
import Planning
import Postgres

/// Decides how serious a difference is, by kind and attribute.
struct ObjectRules {
    let omissions: Set<Omission>
    let versions: (source: ServerVersion, target: ServerVersion)

    /// Whether a kind was to be copied at all.
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

    /// Attributes that a server prints from what it has parsed; another server, or the same one later, may print them
    /// differently.
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

    /// Attributes stored as they were typed; quotes in them are part of the text.
    private static let typed: Set<ServerText> = [
        "text", "label", "settings", "library", "options", "TOAST options", "foreign options", "version",
        "initial value", "moving initial value",
    ]

    /// Whether two texts of an attribute differ at most in which names the two servers quote.
    func isSame(_ ours: ServerText, _ theirs: ServerText, _ attribute: ServerText, of kind: String) -> Bool {
        if ours == theirs { return true }
        let isTyped =
            Self.typed.contains(attribute) || (attribute == "body" && !ours.begins(with: "CREATE OR REPLACE "))
        return !isTyped && ours.quotedForAllServers == theirs.quotedForAllServers
    }

    /// Returns the object without what only one of the servers supports.
    func comparable(_ object: CatalogObject) -> CatalogObject {
        // Since PostgreSQL 17, all privileges on a table include MAINTAIN.
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

    /// Whether dropping it loses rows or a sequence's position.
    func holdsData(_ kind: String) -> Bool { ["table", "column", "sequence", "extension"].contains(kind) }

    // MARK: The schema public

    private static let publicSchema: ServerText = "schema public"

    /// Whether the owner is the source server's default, which `pg_dump` does not write: then the target keeps its own.
    ///
    /// Since PostgreSQL 15, schema `public` belongs to `pg_database_owner`. Older versions of `pg_dump` never wrote its
    /// owner.
    func isLeftToServer(_ object: CatalogObject) -> Bool {
        object.kind == "owner" && object.object == Self.publicSchema
            && (versions.target.major < 15 || object.attributes["role"] == "pg_database_owner")
    }

    /// Returns the default rights in a new database, which `pg_dump` does not write.
    func initialRights(of object: ServerText) -> [ServerText: Set<ServerText>]? {
        guard object == Self.publicSchema else { return nil }
        return [
            "the owner": ["CREATE", "USAGE"], "PUBLIC": versions.target.major < 15 ? ["CREATE", "USAGE"] : ["USAGE"],
        ]
    }

    // MARK: Severities

    /// Returns the severity; nil if another finding covers it.
    func severity(ofMissing kind: String) -> Finding.Severity? {
        switch kind {
        // Reported with the object itself.
        case "owner", "privileges": nil
        case "comment", "security label", "statistics object", "default privileges", "event trigger", "publication",
            "published table", "subscription":
            .hurts
        default: .stops
        }
    }

    /// Returns the severity of an object that only the target has: it does not stop the application, but was not asked
    /// for.
    func severity(ofExtra kind: String) -> Finding.Severity? {
        switch kind {
        case "owner", "privileges": nil
        // Hosting providers add such objects to every database.
        case "extension", "schema", "comment", "security label", "language", "event trigger", "default privileges":
            .note
        default: .hurts
        }
    }

    /// Returns the severity; nil if the attribute may differ.
    func severity(of attribute: ServerText, of kind: String) -> Finding.Severity? {
        switch (kind, attribute) {
        case (_, "tablespace"): omissions.contains(.tablespaces) ? nil : .note
        case ("extension", "version"): .note
        case ("extension", _): .stops
        case ("comment", _), ("security label", _), ("owner", _), ("default privileges", _), ("statistics object", _),
            ("event trigger", _), ("publication", _), ("published table", _), ("subscription", _):
            .hurts
        // Statements that name their columns, like those of this tool, are not affected.
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

    /// Returns the problem: "differs" for kinds whose attributes are role names or that have only one attribute.
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
