package import Catalog
package import Planning
package import Postgres

/// Compares all objects of two databases attribute by attribute, in both directions.
///
/// Pure. ``DefinitionComparison`` compares keys, indexes and constraints.
package struct ObjectComparison {
    private struct Name: Hashable, Comparable {
        let kind: ObjectKind
        let object: ServerText

        static func < (left: Self, right: Self) -> Bool { (left.kind, left.object) < (right.kind, right.object) }
    }

    private let source: [Name: CatalogObject]
    private let target: [Name: CatalogObject]
    private let rules: ObjectRules

    /// - Parameters:
    ///   - source: The source's objects.
    ///   - target: The target's objects.
    ///   - versions: The versions of the two servers.
    ///   - scope: What was to be copied.
    package init(
        source: [CatalogObject],
        target: [CatalogObject],
        versions: (source: ServerVersion, target: ServerVersion),
        scope: Scope
    ) {
        let rules = ObjectRules(scope: scope, versions: versions)
        func named(_ objects: [CatalogObject]) -> [Name: CatalogObject] {
            let wanted = objects.filter { object in
                (rules.compares(object.kind) || object.kind == .owner) && scope.contains(object)
            }
            return Dictionary(
                keepingFirst: wanted.map { object in
                    (
                        Name(kind: object.kind, object: object.object.quotedForAllServers),
                        rules.comparable(object)
                    )
                }
            )
        }
        self.rules = rules
        self.source = named(source)
        self.target = named(target)
    }

    /// Differences that a server must check before ``result(agreeing:)``: the two texts may mean the same.
    package var doubts: [Doubt] {
        source.keys.sorted().flatMap { name -> [Doubt] in
            guard let ours = source[name], let theirs = target[name], ours.attributes != theirs.attributes else {
                return []
            }
            return ours.kind.rules.printed.compactMap { attribute in
                guard let mine = ours.attributes[attribute], let its = theirs.attributes[attribute],
                    !rules.isSame(mine, its, in: attribute, of: ours.kind)
                else { return nil }
                return Doubt(ours, attribute: attribute, source: mine, target: its)
            }
        }
    }

    /// Compares objects of all kinds and counts what was examined.
    ///
    /// - Parameter agreeing: Those ``doubts`` whose texts mean the same.
    /// - Returns: What differs.
    package func result(agreeing: Set<Doubt> = []) -> VerificationResult {
        var result = VerificationResult(method: "catalog")
        for kind in ObjectKind.allCases where rules.compares(kind) {
            result.examined.append(
                VerificationResult.Examined(
                    kind: kind.rawValue,
                    source: source.keys.count { $0.kind == kind },
                    target: target.keys.count { $0.kind == kind }
                )
            )
        }
        let here = Set(source.values.compactMap { $0.kind.isRelation ? $0.table : nil })
        let there = Set(target.values.compactMap { $0.kind.isRelation ? $0.table : nil })
        for (name, object) in source.sorted(by: { $0.key < $1.key }) where rules.compares(object.kind) {
            if let other = target[name] {
                result.findings += differences(object, other, agreeing: agreeing)
            } else if !isPart(object, ofOneOf: here.subtracting(there)) {
                result.findings += missing(object)
            }
        }
        for (name, object) in target.sorted(by: { $0.key < $1.key }) where source[name] == nil {
            guard !isPart(object, ofOneOf: there.subtracting(here)) else { continue }
            result.findings += extra(object)
        }
        return result
    }

    /// Whether an object belongs to one of these tables or views: if those are missing, one finding covers all parts.
    private func isPart(_ object: CatalogObject, ofOneOf tables: Set<QualifiedName>) -> Bool {
        !object.kind.isRelation && (object.table.map(tables.contains) ?? false)
    }

    // MARK: Findings

    private func missing(_ object: CatalogObject) -> [Finding] {
        guard let severity = object.kind.rules.missing else { return [] }
        return [
            Finding(
                object.kind.rawValue,
                object: object.object,
                problem: .missing,
                severity: severity,
                "the \(object.kind.rawValue) is missing on the target",
                source: object.creation ?? object.attributes["definition"],
                repair: object.creation?.quotedForAllServers
            )
        ]
    }

    private func extra(_ object: CatalogObject) -> [Finding] {
        guard let severity = object.kind.rules.extra else { return [] }
        // Running a repair from a report must not destroy rows.
        let holdsData = object.kind.rules.holdsData
        return [
            Finding(
                object.kind.rawValue,
                object: object.object,
                problem: .extra,
                severity: severity,
                "the source has no such \(object.kind.rawValue)"
                    + (holdsData ? "; no repair is given, because dropping it would destroy its data" : ""),
                target: object.attributes["definition"],
                repair: holdsData ? nil : object.removal?.quotedForAllServers
            )
        ]
    }

    /// Returns the two owners of an object that exists on both sides.
    private func owners(of object: ServerText) -> (source: ServerText, target: ServerText)? {
        let name = Name(kind: .owner, object: object.quotedForAllServers)
        guard let here = source[name]?.attributes["role"], let there = target[name]?.attributes["role"] else {
            return nil
        }
        return (here.quotedForAllServers, there.quotedForAllServers)
    }

    private func rights(_ ours: CatalogObject, _ theirs: CatalogObject) -> [Finding] {
        let rights = GrantedRights(
            ours,
            theirs,
            owners: owners(of: ours.object),
            initial: rules.initialRights(of: ours.object)
        )
        let (here, there) = (Self.byName(ours.attributes), Self.byName(theirs.attributes))
        return rights.differences().map { difference in
            Finding(
                ours.kind.rawValue,
                object: ours.object,
                problem: rules.problem(difference.attribute, of: ours.kind),
                severity: difference.isLeftToServer ? .note : ours.kind.rules.difference,
                rules.message(difference.attribute, of: ours.kind),
                source: here[difference.attribute] ?? "none",
                target: there[difference.attribute] ?? "none",
                repair: difference.repair
            )
        }
    }

    private func differences(_ ours: CatalogObject, _ theirs: CatalogObject, agreeing: Set<Doubt>) -> [Finding] {
        guard ours.attributes != theirs.attributes else { return [] }
        if ours.kind == .privileges || ours.kind == .extensionGrant { return rights(ours, theirs) }
        guard !rules.isLeftToServer(ours) else { return [] }
        let (here, there) = (Self.byName(ours.attributes), Self.byName(theirs.attributes))
        return Set(here.keys).union(there.keys).sorted().compactMap { attribute in
            let (mine, its) = (here[attribute], there[attribute])
            guard mine != its, let severity = rules.severity(of: attribute, of: ours.kind) else { return nil }
            if let hidden = ours.kind.rules.hidden, mine == hidden || its == hidden {
                return Finding(
                    ours.kind.rawValue,
                    object: ours.object,
                    problem: rules.problem(attribute, of: ours.kind),
                    severity: .note,
                    "its \(attribute.visible) cannot be compared: one of the roles may not read them",
                    source: mine ?? "none",
                    target: its ?? "none"
                )
            }
            if let mine, let its {
                guard !rules.isSame(mine, its, in: attribute, of: ours.kind) else { return nil }
                guard !agreeing.contains(Doubt(ours, attribute: attribute, source: mine, target: its)) else {
                    return nil
                }
            }
            return Finding(
                ours.kind.rawValue,
                object: ours.object,
                problem: rules.problem(attribute, of: ours.kind),
                severity: severity,
                rules.message(attribute, of: ours.kind),
                source: mine ?? "none",
                target: its ?? "none",
                repair: Self.byName(ours.statements)[attribute]?.quotedForAllServers
            )
        }
    }

    /// Returns texts by attribute; some attributes are role names, which server versions quote differently.
    private static func byName(_ texts: NamedTexts) -> [ServerText: ServerText] {
        Dictionary(keepingFirst: texts.all.map { ($0.key.quotedForAllServers, $0.value) })
    }
}
