package import Postgres

/// The same database without some of its parts, or with other words for them.
extension DatabaseCatalog {
    /// With its indexes in the target's default tablespace.
    package var withoutTablespaces: DatabaseCatalog { with { $0.indexes = indexes.map(\.withoutTablespace) } }

    /// Without indexes that are still being built or whose build has failed.
    package var withoutUnusableIndexes: DatabaseCatalog {
        with { $0.indexes = indexes.filter { $0.isUsable || $0.isPartitioned } }
    }

    /// With other definitions for its indexes and constraints.
    package func worded(as indexes: [Index], _ constraints: [Constraint]) -> DatabaseCatalog {
        with { ($0.indexes, $0.constraints) = (indexes, constraints) }
    }

    /// Without some schemas, all that is in them and the foreign keys that refer to them, and without some extensions.
    package func without(schemas: Set<ServerText>, extensions: Set<ServerText>) -> DatabaseCatalog {
        guard !(schemas.isEmpty && extensions.isEmpty) else { return self }
        func isKept(_ schema: ServerText) -> Bool { !schemas.contains(schema) }
        let ours = constraints.filter { isKept($0.schema) }
        let inward = ours.filter { $0.referenced.map { isKept($0.schema) } ?? true }
        return with { catalog in
            catalog.tables = tables.filter { isKept($0.schema) }
            catalog.indexes = indexes.filter { isKept($0.schema) }.map { $0.independent(of: extensions) }
            catalog.constraints = inward
            let leftOut = Set(ours.map(\.oid)).subtracting(inward.map(\.oid))
            catalog.foreignKeysLeftOut = leftOut.union(foreignKeysLeftOut ?? []).sorted()
            catalog.sequences = sequences.filter { isKept($0.schema) }
            catalog.materializedViews = materializedViews.filter { isKept($0.schema) }
            catalog.enumerations = enumerations.filter { isKept($0.schema) }
            catalog.extensionTables = extensionTables?.filter {
                isKept($0.schema) && !extensions.contains($0.extension)
            }
        }
    }

    private func with(_ change: (inout DatabaseCatalog) -> Void) -> DatabaseCatalog {
        var catalog = self
        change(&catalog)
        return catalog
    }
}
