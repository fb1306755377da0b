package import Catalog
import Postgres

/// The changes of the source's definitions since they were created on the target.
///
/// Pure.
///
/// Types, functions, views and everything else that precedes the rows are created once, days ahead. Without this
/// comparison, a new enum label, a replaced function or a new view would silently be missing on the target. Owners and
/// grants are not compared: they may have been left out on purpose.
package struct DefinitionChanges: Sendable {
    private let kept: [ServerText: DefinitionEntry]
    /// The entries the source has now.
    package let later: [DefinitionEntry]

    /// - Parameters:
    ///   - earlier: The entries that created the target's definitions.
    ///   - later: The entries the source has now.
    package init(earlier: [DefinitionEntry], later: [DefinitionEntry]) {
        kept = Dictionary(keepingFirst: earlier.filter(\.isCompared).map { ($0.identity, $0) })
        self.later = later.filter(\.isCompared)
    }

    /// The earlier entry of the same object; nil if there was none.
    package func earlier(_ entry: DefinitionEntry) -> DefinitionEntry? { kept[entry.identity] }
    /// The number of earlier entries.
    package var earlierCount: Int { kept.count }

    /// The entries that are new on the source, each after those it depends on.
    package var added: [DefinitionEntry] { later.filter { earlier($0) == nil } }
    /// The entries whose statement has changed.
    package var changed: [DefinitionEntry] {
        later.filter { entry in earlier(entry).map { $0.statement != entry.statement } ?? false }
    }
    /// The earlier entries the source no longer has.
    package var gone: [DefinitionEntry] {
        let identities = Set(later.map(\.identity))
        return kept.values.filter { !identities.contains($0.identity) }.sorted { $0.description < $1.description }
    }

    package var isEmpty: Bool { added.isEmpty && changed.isEmpty && gone.isEmpty }
}
