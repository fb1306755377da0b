package import Planning

/// The ranges of a table that were proven ahead, and to which nothing was written since, by the counters of both servers.
package struct CountedTable: Sendable {
    package let ranges: Set<KeyRange>
    /// Since when the source's counters stand: the source's clock.
    package let since: String

    package init(ranges: Set<KeyRange>, since: String) {
        self.ranges = ranges
        self.since = since
    }
}
