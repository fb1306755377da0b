package import Postgres

/// What was decided about tables when a run or a chain of archives began: no later option changes it.
///
/// Tables have the names the source has for them now.
package struct SettledTables: Sendable {
    package let treatments: [QualifiedName: Treatment]
    /// Conditions on rows.
    package let filters: [QualifiedName: String]
    /// What chunks were cut by, which stays the key while an index guarantees it.
    package let keys: [QualifiedName: Key]

    /// Tables that are left out.
    package var excluded: Set<QualifiedName> { Set(treatments.filter { $0.value == .excluded }.keys) }

    /// Nothing is decided yet.
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
