package import Postgres

/// Decisions about tables made when a run or a chain of archives began; later options do not change them.
///
/// Tables have the names they have on the source now.
package struct SettledTables: Sendable {
    package let treatments: [QualifiedName: Treatment]
    /// Conditions on rows.
    package let filters: [QualifiedName: String]
    /// The keys that chunks were cut by; each stays the key while an index guarantees it.
    package let keys: [QualifiedName: Key]

    /// The excluded tables.
    package var excluded: Set<QualifiedName> { Set(treatments.filter { $0.value == .excluded }.keys) }

    /// No decisions yet.
    package static let none = SettledTables(treatments: [:], filters: [:], keys: [:])

    package init(
        treatments: [QualifiedName: Treatment],
        filters: [QualifiedName: String],
        keys: [QualifiedName: Key]
    ) {
        self.treatments = treatments
        self.filters = filters
        self.keys = keys
    }
}
