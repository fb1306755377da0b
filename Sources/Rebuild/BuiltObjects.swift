package import Catalog
import Postgres

/// The keys, indexes and foreign keys of the source, which the engine builds itself instead of `pg_restore`.
package struct BuiltObjects: Sendable {
    private let identities: Set<ServerText>

    /// - Parameter source: What the source contains.
    package init(of source: DatabaseCatalog) {
        let (relations, constraints) = (1259, 2606)
        identities = Set(
            source.indexes.map { ServerText("\(relations) \($0.oid)") }
                + source.constraints.filter { $0.kind != "c" }.map { ServerText("\(constraints) \($0.oid)") }
        )
    }

    /// Whether an entry of `pg_dump` is one of them; told by the object's id, not by what kind it is called.
    ///
    /// - Parameter entry: The entry.
    /// - Returns: True for what need not be made by its own statement.
    func contains(_ entry: ListedEntry) -> Bool {
        identities.contains(entry.object) || entry.isOf(["INDEX ATTACH"])
    }
}
