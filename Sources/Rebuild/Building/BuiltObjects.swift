package import Catalog
import Postgres

/// The keys, indexes and foreign keys of the source, which the engine builds itself instead of `pg_restore`, or leaves out.
package struct BuiltObjects: Sendable {
    private let identities: Set<ServerText>

    /// - Parameter source: What the source contains.
    package init(of source: DatabaseCatalog) {
        let (relations, constraints) = (1259, 2606)
        identities = Set(
            source.indexes.map { ServerText("\(relations) \($0.oid)") }
                + (source.constraints.filter { $0.kind != .check }.map(\.oid) + (source.foreignKeysLeftOut ?? []))
                .map { ServerText("\(constraints) \($0)") }
        )
    }

    /// Whether an entry of `pg_dump` is one of them, by the object's oid, not by the name of its kind.
    ///
    /// - Parameter entry: The entry.
    /// - Returns: True if its own statement need not run.
    func contains(_ entry: ListedEntry) -> Bool {
        identities.contains(entry.object) || entry.isOf(["INDEX ATTACH"])
    }
}
