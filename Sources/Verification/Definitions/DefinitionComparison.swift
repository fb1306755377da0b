package import Catalog
package import Planning
import Postgres

/// Compares keys, indexes, constraints and settings of both catalogs, in both directions.
///
/// Pure.
///
/// A primary key may be in the catalog and not be enforced. So the comparison covers the definition and every flag that
/// affects enforcement.
package struct DefinitionComparison {
    let source: DatabaseCatalog
    let target: DatabaseCatalog
    let scope: Scope

    /// - Parameters:
    ///   - source: The source's catalog.
    ///   - target: The target's catalog.
    ///   - scope: What was to be copied.
    package init(
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        scope: Scope
    ) {
        self.source = source
        self.target = target
        self.scope = scope
    }

    /// Compares all classes of objects and counts what was examined.
    package func result() -> VerificationResult {
        var result = VerificationResult(method: "catalog")
        compareIndexes(&result)
        compareConstraints(&result)
        compareEnforcedKeys(&result)
        compareSettings(&result)
        return result
    }

    func note(_ kind: String, source: Int, target: Int, in result: inout VerificationResult) {
        result.examined.append(VerificationResult.Examined(kind: kind, source: source, target: target))
    }

    func byName<Value, Name: Hashable>(_ values: [Value], _ name: (Value) -> Name) -> [Name: Value] {
        Dictionary(keepingFirst: values.map { (name($0), $0) })
    }
}
