import Catalog
import Planning
import Postgres

/// The roles that use the source, with the roles of which they are members: an application often has its rights through these.
///
/// `pg_dump` does not write memberships, because roles belong to the server.
struct RoleMemberships {
    /// The roles that may connect to the source and that own something, have rights on something, or are members of such roles;
    /// sorted by name.
    let usersOfSource: [ReadinessFacts.Role]
    /// The memberships that are missing on the target.
    let findings: [Finding]

    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target's roles.
    ///   - scope: What was to be copied.
    init(source: Readiness.Side, target: [ReadinessFacts.Role], scope: Scope) {
        let ours = Graph(source.facts.roles)
        // What was left out needs no role.
        let objects = source.objects.filter(scope.contains)
        let all = Self.concerned(by: objects) { _ in true }
        let users = source.facts.roles.filter { $0.mayConnect && ours.reaches(all, from: $0.name) }
        usersOfSource = users.sorted { $0.name < $1.name }
        // Without owners, the target's objects belong to one role, of which no other has to be a member.
        let copied = Self.concerned(by: objects) { !scope.omits($0 == .owner ? .owners : .privileges) }
        findings = Self.missing(
            // A superuser has its rights without memberships.
            of: users.filter { $0.isSuperuser != true },
            from: ours,
            on: Graph(target),
            concerning: copied,
            reader: source.catalog.identity.roleName
        )
    }

    /// The names of owners and of roles with rights, as the server prints them: quoted or not.
    private static func concerned(
        by objects: [CatalogObject],
        where isWanted: (ObjectKind) -> Bool
    ) -> Set<ServerText> {
        var names: Set<ServerText> = []
        for object in objects where isWanted(object.kind) {
            switch object.kind {
            case .owner: names.formUnion(object.attributes.all.values)
            case .privileges: names.formUnion(object.attributes.all.keys.map(GrantedRights.role))
            default: break
            }
        }
        return names
    }

    private static func missing(
        of users: [ReadinessFacts.Role],
        from ours: Graph,
        on theirs: Graph,
        concerning concerned: Set<ServerText>,
        reader: ServerText
    ) -> [Finding] {
        let involved = users.reduce(into: Set<ServerText>()) {
            $0.formUnion(ours.reached(from: $1.name).union([$1.name]))
        }
        return involved.sorted().flatMap { name -> [Finding] in
            guard let member = theirs.roles[name], member.isSuperuser != true else { return [] }
            let there = theirs.reached(from: name)
            let wanted = (ours.roles[name]?.groups ?? []).filter { ours.reaches(concerned, from: $0) }
            return Set(wanted).subtracting(there).sorted().map { group in
                Finding(
                    "role",
                    object: name,
                    problem: "not-a-member",
                    // The role that reads the source may have its memberships only for that.
                    severity: name == reader ? .note : .stops,
                    "on the source it has rights as a member of \(group.visible), and on the target it is not a member",
                    repair: "GRANT \(Identifier(group).quoted) TO \(Identifier(name).quoted)"
                )
            }
        }
    }

    /// One server's roles, with the roles they are members of.
    private struct Graph {
        let roles: [ServerText: ReadinessFacts.Role]

        init(_ roles: [ReadinessFacts.Role]) {
            self.roles = Dictionary(keepingFirst: roles.map { ($0.name, $0) })
        }

        /// The roles of which a role is a member, also through others.
        func reached(from name: ServerText) -> Set<ServerText> {
            var reached: Set<ServerText> = []
            var open = roles[name]?.groups ?? []
            while let group = open.popLast() {
                if reached.insert(group).inserted { open += roles[group]?.groups ?? [] }
            }
            return reached
        }

        /// Whether a role, or one of which it is a member, is among these.
        func reaches(_ concerned: Set<ServerText>, from name: ServerText) -> Bool {
            reached(from: name).union([name]).contains {
                concerned.contains($0) || concerned.contains(ServerText(Identifier($0).quoted))
            }
        }
    }
}
