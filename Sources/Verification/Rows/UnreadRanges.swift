package import Planning
package import Postgres

/// Ranges whose rows a comparison does not read, and why.
package struct UnreadRanges: Sendable {
    /// Ranges of a table that were proven ahead, and to which nothing was written since, by the counters of both servers.
    package struct Counted: Sendable {
        let ranges: Set<KeyRange>
        /// Since when the source's counters stand: the source's clock.
        let since: String

        package init(ranges: Set<KeyRange>, since: String) {
            self.ranges = ranges
            self.since = since
        }
    }

    /// Every range is read.
    package static let none = UnreadRanges(counted: [:], declared: [:])

    private let counted: [QualifiedName: Counted]
    /// Ranges that are declared immutable, and taken on trust.
    private let declared: [QualifiedName: Set<KeyRange>]

    /// - Parameters:
    ///   - counted: Ranges that stand by the servers' counters.
    ///   - declared: Ranges that are declared immutable, and taken on trust.
    package init(counted: [QualifiedName: Counted], declared: [QualifiedName: Set<KeyRange>]) {
        self.counted = counted
        self.declared = declared
    }

    /// Whether some ranges of a table are not read; then the table is not read in full either.
    func arePart(of table: QualifiedName) -> Bool { counted[table] != nil || declared[table] != nil }

    func contains(_ range: ComparedRange) -> Bool { isCounted(range) || isOnTrust(range) }

    /// Since when the counters stand by which ranges of a table are not read; nil if there are none.
    func countedSince(_ table: QualifiedName) -> String? { counted[table]?.since }

    private func isCounted(_ range: ComparedRange) -> Bool {
        counted[range.table]?.ranges.contains(range.range) ?? false
    }

    private func isOnTrust(_ range: ComparedRange) -> Bool {
        !isCounted(range) && declared[range.table]?.contains(range.range) ?? false
    }

    /// What is known of the tables from ranges that stand by counters.
    func tallies(of ranges: [ComparedRange]) -> [QualifiedName: DataComparison.Tally] {
        ranges.filter(isCounted).reduce(into: [:]) { tallies, range in
            tallies[range.table, default: DataComparison.Tally()].addCounted(rows: range.provenRows ?? 0)
        }
    }

    /// What is not proven because it was taken on trust, for people.
    func onTrust(of ranges: [ComparedRange]) -> [String] {
        let byTable = Dictionary(grouping: ranges.filter(isOnTrust), by: \.table)
        return byTable.sorted { $0.key < $1.key }.map { table, ranges in
            "\(ranges.count) ranges of \(table) are declared immutable and were not read; tidemark verify compares them"
        }
    }
}
