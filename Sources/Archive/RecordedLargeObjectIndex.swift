package import Catalog

/// The large objects of a generation, found by ranges of their oids.
package struct RecordedLargeObjectIndex: Sendable {
    private let entries: [Manifest.LargeObjectEntry]

    package init(_ manifest: Manifest) {
        entries = manifest.largeObjects.sorted { $0.object.oid < $1.object.oid }
    }

    /// The large objects of a range, by oid.
    package func entries(in range: LargeObjectRange) -> ArraySlice<Manifest.LargeObjectEntry> {
        let lower = range.lower.map(position) ?? entries.startIndex
        let upper = range.upper.map(position) ?? entries.endIndex
        return entries[lower..<max(lower, upper)]
    }

    /// The position of the first entry with at least this oid, by binary search.
    private func position(of oid: UInt32) -> Int {
        var (low, high) = (entries.startIndex, entries.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].object.oid < oid { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
