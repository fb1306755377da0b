package import Postgres

/// Sequences go with the tables they serve.
extension DatabaseCatalog {
    /// Returns the sequences to copy.
    ///
    /// - Parameter excluded: The tables that are left out.
    /// - Returns: All sequences but those that serve only excluded tables.
    package func sequences(excluding excluded: Set<QualifiedName>) -> [SequenceDefinition] {
        sequences.filter { $0.columns.isEmpty || $0.columns.contains { !excluded.contains($0.tableName) } }
    }

    /// Returns the sequences that are left out with the tables they serve.
    ///
    /// - Parameter excluded: The tables that are left out.
    /// - Returns: The sequences' names.
    package func sequencesServing(only excluded: Set<QualifiedName>) -> Set<QualifiedName> {
        Set(sequences.map(\.qualifiedName)).subtracting(sequences(excluding: excluded).map(\.qualifiedName))
    }
}
