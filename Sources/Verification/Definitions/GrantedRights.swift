import Catalog
import Postgres

/// Compares what is granted on an object that both sides have, even if its owners differ.
///
/// An owner needs no grant, and a grant to a role has no separate effect once that role owns the object. So where the
/// owners differ, as with `--no-owner`, the target's owner must have at least the rights of the source's owner and the
/// rights that the source grants to that same role. All other roles must have exactly the same rights.
struct GrantedRights {
    /// Rights that one role lacks or has in excess, with the attribute that lists them.
    struct Difference {
        let attribute: ServerText
        /// Whether `pg_dump` would not write it: the target had this difference before the copy.
        let isLeftToServer: Bool
        let repair: ServerText?
    }

    /// The attributes' name for the owner.
    private static let owner: ServerText = "the owner"
    private static let place: ServerText = " on column "
    /// The end of an attribute that lists what a role has lost: an extension's script had granted it.
    private static let revoked: ServerText = " (revoked)"
    /// The statements' key for the object as GRANT names it: `TABLE public.t`.
    private static let object: ServerText = "the object"

    private let source: CatalogObject
    private let target: CatalogObject
    private let owners: (source: ServerText, target: ServerText)?
    /// The server's default rights, if `pg_dump` writes only differences from them; nil: all rights are compared.
    private let initial: [ServerText: Set<ServerText>]?

    /// - Parameters:
    ///   - source: The source's object, of the kind `privileges`.
    ///   - target: The target's object.
    ///   - owners: The owner on each side, as the servers quote it; nil if not known.
    ///   - initial: The rights a server grants by default, if `pg_dump` writes only differences from them.
    init(
        _ source: CatalogObject,
        _ target: CatalogObject,
        owners: (source: ServerText, target: ServerText)?,
        initial: [ServerText: Set<ServerText>]?
    ) {
        self.source = source
        self.target = target
        self.owners = owners
        self.initial = initial
    }

    /// Compares role by role and column by column.
    func differences() -> [Difference] {
        let (ours, theirs) = (Self.privileges(source), Self.privileges(target))
        return Set(ours.keys).union(theirs.keys).sorted().compactMap { attribute in
            var mine = ours[attribute] ?? []
            var its = theirs[attribute] ?? []
            if let owners, owners.source != owners.target {
                // On the target, the source's owner is an ordinary role, with grants restored from the source.
                if isOf(owners.source, attribute) { return nil }
                if isOf(Self.owner, attribute) || isOf(owners.target, attribute) {
                    let column = Self.column(of: attribute).map { Self.owner + Self.place + $0 }
                    let owned = (theirs[Self.owner] ?? []).union(column.flatMap { theirs[$0] } ?? [])
                    // An owner can grant any of its rights, with or without a grant option.
                    mine = Set(mine.map { $0.withoutSuffix("*") })
                    its = owned.intersection(mine)
                }
            }
            guard mine != its else { return nil }
            // pg_dump neither grants nor revokes the server's default rights, so the target keeps its own.
            let given = initial.map { $0[attribute] ?? [] }
            let written = given.map { mine.symmetricDifference($0) } ?? mine.union(its)
            return Difference(
                attribute: attribute,
                isLeftToServer: mine.symmetricDifference(its).isDisjoint(with: written),
                repair: repair(attribute, from: its, to: mine)
            )
        }
    }

    private static func privileges(_ object: CatalogObject) -> [ServerText: Set<ServerText>] {
        Dictionary(
            object.attributes.all.map { name, privileges in
                (name.quotedForAllServers, Set(privileges.replacingAll(", ", with: ",").pieces(between: ",")))
            },
            uniquingKeysWith: { $0.union($1) }
        )
    }

    private func isOf(_ role: ServerText, _ attribute: ServerText) -> Bool {
        attribute == role || attribute.begins(with: role + Self.place)
    }

    /// The role of an attribute, as the server prints it: an attribute may be about one column.
    static func role(of attribute: ServerText) -> ServerText {
        SQLStatements.firstUnquotedRange(of: place, in: attribute).map { attribute[0..<$0.lowerBound] } ?? attribute
    }

    private static func column(of attribute: ServerText) -> ServerText? {
        SQLStatements.firstUnquotedRange(of: place, in: attribute).map { attribute.dropFirst($0.upperBound) }
    }

    // MARK: Repairs

    /// Returns GRANT and REVOKE statements for the difference; nil if GRANT's name for the object is not known.
    private func repair(
        _ attribute: ServerText,
        from before: Set<ServerText>,
        to after: Set<ServerText>
    ) -> ServerText? {
        if attribute.ends(with: Self.revoked) {
            // What one side has revoked, the other has granted.
            return repair(attribute.withoutSuffix(Self.revoked), from: after, to: before)
        }
        let statements = source.statements.all.merging(target.statements.all) { first, _ in first }
        guard let subject = statements[Self.object] else { return nil }
        let column = Self.column(of: attribute)
        var role = column.map { attribute.withoutSuffix(Self.place + $0) } ?? attribute
        if role == Self.owner {
            guard let owner = owners?.target else { return nil }
            role = owner
        }
        func statement(
            _ verb: String,
            _ privileges: [ServerText],
            preposition: String,
            ending: String = ""
        ) -> ServerText? {
            guard !privileges.isEmpty else { return nil }
            let list = privileges.sorted().map { $0 + (column.map { " (" + $0 + ")" } ?? "") }.joined(separator: ", ")
            return ServerText("\(verb) ") + list + " ON " + subject + ServerText(" \(preposition) ") + role
                + ServerText(ending)
        }
        let granted = after.filter { !$0.ends(with: "*") && !before.contains($0) && !before.contains($0 + "*") }
        let handedOn = after.subtracting(before).filter { $0.ends(with: "*") }.map { $0.withoutSuffix("*") }
        let kept = Set(after.map { $0.withoutSuffix("*") })
        let revoked = Set(before.map { $0.withoutSuffix("*") }).subtracting(kept)
        let restricted = before.filter { $0.ends(with: "*") && after.contains($0.withoutSuffix("*")) }.map {
            $0.withoutSuffix("*")
        }
        let repairs = [
            statement("REVOKE", Array(revoked), preposition: "FROM"),
            statement("REVOKE GRANT OPTION FOR", restricted, preposition: "FROM"),
            statement("GRANT", Array(granted), preposition: "TO"),
            statement("GRANT", handedOn, preposition: "TO", ending: " WITH GRANT OPTION"),
        ].compactMap(\.self)
        return repairs.joined(separator: "; ").quotedForAllServers
    }
}
