package import Catalog
package import Planning
package import Postgres

/// Compares keys, indexes, constraints and settings of both catalogs, in both directions.
///
/// Pure.
///
/// Presence proves nothing: a primary key may be in the catalog and not be enforced. What is compared is the definition
/// together with every flag that decides over enforcement.
package struct DefinitionComparison {
    let source: DatabaseCatalog
    let target: DatabaseCatalog
    let excluded: Set<QualifiedName>
    let omissions: Set<Omission>

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - target: What the target contains.
    ///   - excluded: Tables that were not to be brought over.
    ///   - omissions: What else was not.
    package init(
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        excluding excluded: Set<QualifiedName>,
        omissions: Set<Omission>
    ) {
        self.omissions = omissions
        self.source = source
        self.target = target
        self.excluded = excluded
    }

    /// All classes, each with the numbers examined.
    package func result() -> VerificationResult {
        var result = VerificationResult(method: "catalog")
        compareIndexes(&result)
        compareConstraints(&result)
        compareSettings(&result)
        return result
    }

    func note(_ kind: String, _ source: Int, _ target: Int, _ result: inout VerificationResult) {
        result.examined.append(VerificationResult.Examined(kind: kind, source: source, target: target))
    }

    func byName<Value, Name: Hashable>(_ values: [Value], _ name: (Value) -> Name) -> [Name: Value] {
        Dictionary(values.map { (name($0), $0) }, uniquingKeysWith: { first, _ in first })
    }
}
