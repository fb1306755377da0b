import Catalog
import Planning
import Postgres

/// Decides how serious a difference is, by kind and attribute.
struct ObjectRules {
    let scope: Scope
    let versions: (source: ServerVersion, target: ServerVersion)

    /// Whether a kind was to be copied at all.
    func compares(_ kind: ObjectKind) -> Bool { kind.rules.omission.map { !scope.omits($0) } ?? true }

    /// Attributes stored as they were typed; quotes in them are part of the text.
    private static let typed: Set<ServerText> = [
        "text", "label", "settings", "library", "options", "TOAST options", "foreign options", "version",
        "initial value", "moving initial value",
    ]

    /// Whether two texts of an attribute differ at most in which names the two servers quote.
    func isSame(_ ours: ServerText, _ theirs: ServerText, in attribute: ServerText, of kind: ObjectKind) -> Bool {
        if ours == theirs { return true }
        let isTyped =
            Self.typed.contains(attribute) || (attribute == "body" && !ours.begins(with: "CREATE OR REPLACE "))
        return !isTyped && ours.quotedForAllServers == theirs.quotedForAllServers
    }

    /// Returns the object without what only one of the servers supports.
    func comparable(_ object: CatalogObject) -> CatalogObject {
        switch object.kind {
        // Since PostgreSQL 17, all privileges on a table include MAINTAIN.
        case .privileges, .extensionGrant, .defaultPrivileges:
            guard isOnOneSide(since: 17) else { return object }
            return object.with(
                object.attributes.all.mapValues { privileges in
                    privileges.replacingAll(", MAINTAIN*", with: "").replacingAll("MAINTAIN*, ", with: "")
                        .replacingAll(", MAINTAIN", with: "").replacingAll("MAINTAIN, ", with: "")
                }
            )
        // What an older server cannot publish, a newer one may have to (``RefusedUpdates``).
        case .publication:
            guard isOnOneSide(since: 18) else { return object }
            return object.with(object.attributes.all.filter { $0.key != "generated columns" })
        default: return object
        }
    }

    /// Whether what one major version introduced exists on one side only.
    private func isOnOneSide(since major: Int) -> Bool {
        (versions.source.major >= major) != (versions.target.major >= major)
    }

    // MARK: The schema public

    private static let publicSchema: ServerText = "schema public"

    /// Whether the owner is the source server's default, which `pg_dump` does not write: then the target keeps its own.
    ///
    /// Since PostgreSQL 15, schema `public` belongs to `pg_database_owner`. Older versions of `pg_dump` never wrote its
    /// owner.
    func isLeftToServer(_ object: CatalogObject) -> Bool {
        object.kind == .owner && object.object == Self.publicSchema
            && (versions.target.major < 15 || object.attributes["role"] == "pg_database_owner")
    }

    /// Returns the default rights in a new database, which `pg_dump` does not write.
    func initialRights(of object: ServerText) -> [ServerText: Set<ServerText>]? {
        guard object == Self.publicSchema else { return nil }
        return [
            "the owner": ["CREATE", "USAGE"], "PUBLIC": versions.target.major < 15 ? ["CREATE", "USAGE"] : ["USAGE"],
        ]
    }

    // MARK: Differences

    /// Returns the severity; nil if the attribute may differ.
    func severity(of attribute: ServerText, of kind: ObjectKind) -> Finding.Severity? {
        if attribute == "tablespace" { return scope.omits(.tablespaces) ? nil : .note }
        return kind.rules.attributes[attribute] ?? kind.rules.difference
    }

    /// Returns the problem that a finding names.
    func problem(_ attribute: ServerText, of kind: ObjectKind) -> Finding.Problem {
        kind.rules.hasOneProblem ? "differs" : .attribute(attribute)
    }

    /// Returns what a finding says.
    func message(_ attribute: ServerText, of kind: ObjectKind) -> String {
        switch kind {
        case .privileges, .extensionGrant, .defaultPrivileges:
            attribute.begins(with: "the ")
                ? "the privileges of \(attribute.visible) differ" : "the privileges of role \(attribute.visible) differ"
        case .owner: "it belongs to another role"
        default: kind.rules.hasOneProblem ? "it differs" : "its \(attribute.visible) differs"
        }
    }
}

extension CatalogObject {
    fileprivate func with(_ attributes: [ServerText: ServerText]) -> CatalogObject {
        CatalogObject(
            kind: kind,
            object: object,
            table: table,
            attributes: NamedTexts(attributes),
            statements: statements,
            creation: creation,
            removal: removal
        )
    }
}
