import Catalog
import Postgres

/// What is granted on an object that both sides have, whoever owns it there.
///
/// An owner needs no grant, and a grant to a role is none to the owner any more once that role owns the object. So where
/// the two sides' owners differ, as with `--no-owner`, the target's owner must have at least what the source's owner has
/// and what the source grants the target's owner; all other roles must have exactly the same.
struct GrantedRights {
    /// What one role has too little or too much, under the name of the attribute that tells it.
    struct Difference {
        let attribute: ServerText
        /// Whether `pg_dump` would write nothing of it: the target had it before.
        let isLeftToServer: Bool
        let repair: ServerText?
    }

    /// As the attributes call the owner, whoever that is.
    private static let owner: ServerText = "the owner"
    private static let place: ServerText = " on column "
    /// Under which the statements tell what GRANT calls the object: `TABLE public.t`.
    private static let object: ServerText = "the object"

    private let source: CatalogObject
    private let target: CatalogObject
    private let owners: (source: ServerText, target: ServerText)?
    /// What a server gives by itself, of which `pg_dump` writes only what differs; nil: all of it is compared.
    private let initial: [ServerText: Set<ServerText>]?

    /// - Parameters:
    ///   - source: The source's object, of the kind `privileges`.
    ///   - target: The target's.
    ///   - owners: Who owns it on either side, as the servers quote it; nil where that is not known.
    ///   - initial: What a server gives by itself, where only what differs from that is written by `pg_dump`.
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

    /// Role by role, and column by column.
    func differences() -> [Difference] {
        let (ours, theirs) = (Self.privileges(source), Self.privileges(target))
        return Set(ours.keys).union(theirs.keys).sorted().compactMap { attribute in
            var mine = ours[attribute] ?? []
            var its = theirs[attribute] ?? []
            if let owners, owners.source != owners.target {
                // It got there by a grant to the source's owner, who is one role among others now.
                if isOf(owners.source, attribute) { return nil }
                if isOf(Self.owner, attribute) || isOf(owners.target, attribute) {
                    let column = Self.column(of: attribute).map { Self.owner + Self.place + $0 }
                    let owned = (theirs[Self.owner] ?? []).union(column.flatMap { theirs[$0] } ?? [])
                    // An owner may hand on all that is the owner's.
                    mine = Set(mine.map { $0.withoutSuffix("*") })
                    its = owned.intersection(mine)
                }
            }
            guard mine != its else { return nil }
            // What the server gave is neither granted nor revoked; what was on the target before stays.
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

    private static func column(of attribute: ServerText) -> ServerText? {
        SQLStatements.firstUnquotedRange(of: place, in: attribute).map { attribute.dropFirst($0.upperBound) }
    }

    // MARK: Repairs

    /// GRANT and REVOKE for what differs; nil where nothing says how the object is called.
    private func repair(
        _ attribute: ServerText,
        from before: Set<ServerText>,
        to after: Set<ServerText>
    ) -> ServerText? {
        let statements = source.statements.all.merging(target.statements.all) { first, _ in first }
        guard let subject = statements[Self.object] else { return nil }
        let column = Self.column(of: attribute)
        var role = column.map { attribute.withoutSuffix(Self.place + $0) } ?? attribute
        if role == Self.owner {
            guard let owner = owners?.target else { return nil }
            role = owner
        }
        func statement(_ verb: String, _ privileges: [ServerText], _ preposition: String, _ end: String) -> ServerText?
        {
            guard !privileges.isEmpty else { return nil }
            let list = privileges.sorted().map { $0 + (column.map { " (" + $0 + ")" } ?? "") }.joined(separator: ", ")
            return ServerText("\(verb) ") + list + " ON " + subject + ServerText(" \(preposition) ") + role
                + ServerText(end)
        }
        let granted = after.filter { !$0.ends(with: "*") && !before.contains($0) && !before.contains($0 + "*") }
        let handedOn = after.subtracting(before).filter { $0.ends(with: "*") }.map { $0.withoutSuffix("*") }
        let kept = Set(after.map { $0.withoutSuffix("*") })
        let revoked = Set(before.map { $0.withoutSuffix("*") }).subtracting(kept)
        let restricted = before.filter { $0.ends(with: "*") && after.contains($0.withoutSuffix("*")) }.map {
            $0.withoutSuffix("*")
        }
        let repairs = [
            statement("REVOKE", Array(revoked), "FROM", ""),
            statement("REVOKE GRANT OPTION FOR", restricted, "FROM", ""),
            statement("GRANT", Array(granted), "TO", ""),
            statement("GRANT", handedOn, "TO", " WITH GRANT OPTION"),
        ].compactMap(\.self)
        return repairs.joined(separator: "; ").quotedForAllServers
    }
}
