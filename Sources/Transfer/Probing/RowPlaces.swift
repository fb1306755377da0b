import Planning
import Postgres

/// Where some rows of a table lie in its file, as one snapshot shows them.
///
/// A row version does not move while the table keeps its file, so a snapshot finds it there again without reading anything
/// else. That also holds for keys that are spread over the whole table, such as random uuids.
struct RowPlaces: Sendable, Equatable {
    /// More places than this are kept as the range of their blocks only: a list of them would cost more than it spares.
    static let most = 1_000_000
    /// The places that one statement names.
    static let mostOfStatement = 50_000

    private static let offsetBits = 16

    /// Block and line pointer of each row; nil if there were too many.
    private var rows: [UInt64]? = []
    private var blocks: ClosedRange<UInt64>?

    mutating func add(block: UInt32, line: UInt32) {
        let block = UInt64(block)
        blocks = min(blocks?.lowerBound ?? block, block)...max(blocks?.upperBound ?? block, block)
        rows?.append(block << Self.offsetBits | UInt64(line))
        if let count = rows?.count, count > Self.most { rows = nil }
    }

    /// Keeps only the range of their blocks.
    mutating func forget() { rows = nil }

    mutating func add(_ other: RowPlaces) {
        guard let theirs = other.blocks else { return }
        blocks = blocks.map { min($0.lowerBound, theirs.lowerBound)...max($0.upperBound, theirs.upperBound) } ?? theirs
        guard let added = other.rows else { return rows = nil }
        rows?.append(contentsOf: added)
        if let count = rows?.count, count > Self.most { rows = nil }
    }

    /// Conditions that select the rows, each for one statement, in the order of the file; together they select each once.
    ///
    /// - Parameter isWanted: The condition that holds for these rows and for no other row of the table.
    /// - Returns: The conditions; none if there are no rows.
    func conditions(where isWanted: SQL) -> [SQL] {
        guard let blocks else { return [] }
        guard let rows else {
            let range = BlockRange(lower: Int(blocks.lowerBound), upper: Int(blocks.upperBound) + 1)
            return ["\(range.condition) AND \(isWanted)"]
        }
        let sorted = rows.sorted()
        return stride(from: 0, to: sorted.count, by: Self.mostOfStatement).map { start in
            let part = sorted[start..<min(start + Self.mostOfStatement, sorted.count)]
            let list = part.map { "\"(\($0 >> Self.offsetBits),\($0 & (1 << Self.offsetBits - 1)))\"" }
            // Only these places are read. The condition is checked as well: it costs little and says what they are.
            return "ctid = ANY (\(literal: "{\(list.joined(separator: ","))}")::pg_catalog.tid[]) AND \(isWanted)"
        }
    }
}
