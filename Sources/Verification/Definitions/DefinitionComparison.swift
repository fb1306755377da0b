package import Catalog
package import Planning
package import Postgres

/// Compares keys, indexes, constraints and settings of both catalogs, in both directions.
///
/// Pure.
///
/// A primary key may be in the catalog and not be enforced. So the comparison covers the definition and every flag that
/// affects enforcement.
package struct DefinitionComparison {
    let source: DatabaseCatalog
    let target: DatabaseCatalog
    let excluded: Set<QualifiedName>
    let omissions: Set<Omission>

    /// - Parameters:
    ///   - source: The source's catalog.
    ///   - target: The target's catalog.
    ///   - excluded: Tables excluded from the copy.
    ///   - omissions: What else was left out.
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

    /// Compares all classes of objects and counts what was examined.
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
