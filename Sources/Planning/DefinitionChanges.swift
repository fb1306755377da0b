package import Catalog
import Postgres

/// What has changed among the source's definitions since they were brought over.
///
/// Pure.
///
/// Types, functions, views and all else that stands before the rows are made once, days ahead. A new enum label, a
/// replaced function or a new view would otherwise be missing on the target without a word. Owners and grants are left
/// aside: they may have been left out on purpose.
package struct DefinitionChanges: Sendable {
    private let kept: [ServerText: DefinitionEntry]
    /// What the source has now.
    package let later: [DefinitionEntry]

    /// - Parameters:
    ///   - earlier: The entries that made the target's definitions.
    ///   - later: The entries the source gives now.
    package init(earlier: [DefinitionEntry], later: [DefinitionEntry]) {
        kept = Dictionary(
            earlier.filter(\.isCompared).map { ($0.identity, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        self.later = later.filter(\.isCompared)
    }

    /// The same object as it was.
    package func earlier(_ entry: DefinitionEntry) -> DefinitionEntry? { kept[entry.identity] }
    /// How many entries there were.
    package var earlierCount: Int { kept.count }

    /// What the source has now and did not have, each after those it is made of.
    package var added: [DefinitionEntry] { later.filter { earlier($0) == nil } }
    /// What the source has otherwise than before.
    package var changed: [DefinitionEntry] {
        later.filter { entry in earlier(entry).map { $0.statement != entry.statement } ?? false }
    }
    /// What the source has no more.
    package var gone: [DefinitionEntry] {
        let identities = Set(later.map(\.identity))
        return kept.values.filter { !identities.contains($0.identity) }.sorted { $0.description < $1.description }
    }

    package var isEmpty: Bool { added.isEmpty && changed.isEmpty && gone.isEmpty }
}
