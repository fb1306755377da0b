/// What a cutover would read now of the tables that are copied ahead, by the kind of evidence.
package struct EvidencePrice: Sendable {
    /// What a modest disk reads; the forecast states this assumption.
    private static let assumedBytesPerSecond = 250_000_000.0

    /// Bytes that `--evidence rows` reads on each side.
    let rowBytes: Int
    /// Bytes that `--evidence counters` would read on each side.
    let counterBytes: Int
    /// The number of tables that were written since.
    let writtenTables: Int
    /// Since when: the source's clock.
    let since: String

    package init(rowBytes: Int, counterBytes: Int, writtenTables: Int, since: String) {
        self.rowBytes = rowBytes
        self.counterBytes = counterBytes
        self.writtenTables = writtenTables
        self.since = since
    }

    /// The price of each, in two lines.
    var lines: [String] {
        func time(_ bytes: Int) -> String { Quantity.seconds(Double(bytes) / Self.assumedBytesPerSecond) }
        return [
            "To see what changed, cutover --evidence rows reads \(Quantity.bytes(rowBytes)) on each side, twice on the source: "
                + "about \(time(rowBytes)) each time at 250 MB/s",
            "With --evidence counters it would read \(Quantity.bytes(counterBytes)) now, \(time(counterBytes)): "
                + "\(Quantity.count(writtenTables, "table")) written since \(since)",
        ]
    }
}
