package import Catalog

/// The keys, indexes and foreign keys of the source, which the engine builds itself instead of `pg_restore`.
package struct BuiltObjects: Sendable {
    private let identities: Set<String>

    /// - Parameter source: What the source contains.
    package init(of source: DatabaseCatalog) {
        let (relations, constraints) = (1259, 2606)
        identities = Set(
            source.indexes.map { "\(relations) \($0.oid)" }
                + source.constraints.filter { $0.kind != "c" }.map { "\(constraints) \($0.oid)" }
        )
    }

    /// Whether a line of `pg_restore --list` is about one of them; told by the object's id, not by what kind it is
    /// called.
    ///
    /// - Parameter line: `id; class-oid oid KIND schema name owner`.
    /// - Returns: True for what need not be made by its own statement.
    package func contains(_ line: Substring) -> Bool {
        let fields = line.split(separator: " ", maxSplits: 3)
        guard fields.count == 4, fields[0].hasSuffix(";") else { return false }
        return identities.contains("\(fields[1]) \(fields[2])") || Definitions.isOf(["INDEX ATTACH"], line)
    }
}
