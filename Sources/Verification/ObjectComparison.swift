package import Catalog
package import Planning
package import Postgres

/// Compares all objects of two databases attribute by attribute, in both directions.
///
/// Pure. Keys, indexes and constraints have a comparison of their own, ``DefinitionComparison``.
package struct ObjectComparison {
    /// Two texts of one attribute that differ though both may mean the same: major versions print it differently.
    package struct Doubt: Sendable, Hashable {
        package let kind: String
        package let object: ServerText
        package let attribute: ServerText
        package let table: QualifiedName?
        package let source: ServerText
        package let target: ServerText
    }

    private struct Name: Hashable, Comparable {
        let kind: Int
        let object: ServerText

        static func < (left: Self, right: Self) -> Bool { (left.kind, left.object) < (right.kind, right.object) }
    }

    private static let order = Dictionary(
        uniqueKeysWithValues: CatalogObject.kinds.enumerated().map { ($0.element, $0.offset) }
    )

    private static let relations: Set = ["table", "foreign table", "view", "materialized view"]

    private let source: [Name: CatalogObject]
    private let target: [Name: CatalogObject]
    private let rules: ObjectRules

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - target: What the target contains.
    ///   - versions: Of the two servers.
    ///   - excluded: Tables that were not to be brought over.
    ///   - omissions: What else was not.
    package init(
        source: [CatalogObject],
        target: [CatalogObject],
        versions: (source: ServerVersion, target: ServerVersion),
        excluding excluded: Set<QualifiedName>,
        omissions: Set<Omission>
    ) {
        let rules = ObjectRules(omissions: omissions, versions: versions)
        func named(_ objects: [CatalogObject]) -> [Name: CatalogObject] {
            let wanted = objects.filter { object in
                rules.compares(object.kind) && !(object.table.map(excluded.contains) ?? false)
            }
            return Dictionary(
                wanted.map { (Name(kind: Self.order[$0.kind] ?? 0, object: $0.object), rules.comparable($0)) },
                uniquingKeysWith: { first, _ in first }
            )
        }
        self.rules = rules
        self.source = named(source)
        self.target = named(target)
    }

    /// What has to be asked of a server before ``result(agreeing:)``, if the two are of different major versions.
    package var doubts: [Doubt] {
        source.keys.sorted().flatMap { name -> [Doubt] in
            guard let ours = source[name], let theirs = target[name], ours.attributes != theirs.attributes else {
                return []
            }
            return rules.printed(ours.kind).compactMap { attribute in
                guard let mine = ours.attributes[attribute], let its = theirs.attributes[attribute], mine != its else {
                    return nil
                }
                return Doubt(ours, attribute, mine, its)
            }
        }
    }

    /// All kinds, each with the numbers examined.
    ///
    /// - Parameter agreeing: Those ``doubts`` that are none.
    /// - Returns: What differs.
    package func result(agreeing: Set<Doubt> = []) -> VerificationResult {
        var result = VerificationResult(method: "catalog")
        for (number, kind) in CatalogObject.kinds.enumerated() where rules.compares(kind) {
            result.examined.append(
                VerificationResult.Examined(
                    kind: kind,
                    source: source.keys.count { $0.kind == number },
                    target: target.keys.count { $0.kind == number }
                )
            )
        }
        let here = Set(source.values.compactMap { Self.relations.contains($0.kind) ? $0.table : nil })
        let there = Set(target.values.compactMap { Self.relations.contains($0.kind) ? $0.table : nil })
        for (name, object) in source.sorted(by: { $0.key < $1.key }) {
            if let other = target[name] {
                result.findings += differences(object, other, agreeing)
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

    /// With a table or view everything of it is missing: one finding says so.
    private func isPart(_ object: CatalogObject, ofOneOf tables: Set<QualifiedName>) -> Bool {
        !Self.relations.contains(object.kind) && (object.table.map(tables.contains) ?? false)
    }

    // MARK: Findings

    private func missing(_ object: CatalogObject) -> [Finding] {
        guard let severity = rules.severity(ofMissing: object.kind) else { return [] }
        return [
            Finding(
                object.kind,
                object.object,
                .missing,
                severity,
                "the \(object.kind) is missing on the target",
                source: object.creation ?? object.attributes["definition"],
                repair: object.creation
            )
        ]
    }

    private func extra(_ object: CatalogObject) -> [Finding] {
        guard let severity = rules.severity(ofExtra: object.kind) else { return [] }
        return [
            Finding(
                object.kind,
                object.object,
                .extra,
                severity,
                "the source has no such \(object.kind)",
                target: object.attributes["definition"],
                repair: object.removal
            )
        ]
    }

    private func differences(_ ours: CatalogObject, _ theirs: CatalogObject, _ agreeing: Set<Doubt>) -> [Finding] {
        guard ours.attributes != theirs.attributes else { return [] }
        let (here, there) = (ours.attributes.all, theirs.attributes.all)
        return Set(here.keys).union(there.keys).sorted().compactMap { attribute in
            let (mine, its) = (here[attribute], there[attribute])
            guard mine != its, let severity = rules.severity(of: attribute, of: ours.kind) else { return nil }
            if let mine, let its {
                guard !agreeing.contains(Doubt(ours, attribute, mine, its)) else { return nil }
            }
            return Finding(
                ours.kind,
                ours.object,
                rules.problem(attribute, of: ours.kind),
                severity,
                rules.message(attribute, of: ours.kind),
                source: mine ?? "none",
                target: its ?? "none",
                repair: ours.statements[attribute]
            )
        }
    }
}

extension ObjectComparison.Doubt {
    fileprivate init(_ object: CatalogObject, _ attribute: ServerText, _ source: ServerText, _ target: ServerText) {
        self.init(
            kind: object.kind,
            object: object.object,
            attribute: attribute,
            table: object.table,
            source: source,
            target: target
        )
    }
}
