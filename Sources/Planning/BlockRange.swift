package import Catalog
package import Postgres

/// A part of a table given by position, not by key: consecutive blocks of its file.
///
/// Since version 14 the server starts reading at the first of these blocks (TID Range Scan). Older versions would read
/// the whole table for each part.
package struct BlockRange: Sendable, Hashable {
    /// Large enough that the cost of starting a statement does not matter, small enough that two connections finish at
    /// about the same time.
    private static let blocksOfPart = 16_384
    package static let blockBytes = 8192
    private static let firstMajor = 14

    /// The first block.
    package let lower: Int
    /// The first block after it; nil: to the end of the table, even if it has grown.
    package let upper: Int?

    /// - Parameters:
    ///   - lower: The first block.
    ///   - upper: The first block after it; nil: to the end of the table, even if it has grown.
    package init(lower: Int, upper: Int?) {
        self.lower = lower
        self.upper = upper
    }

    /// The number of blocks; nil if it has no upper bound.
    package var count: Int? { upper.map { $0 - lower } }

    /// Returns the parts of a table; the last one has no upper bound, so no row is left out.
    ///
    /// - Parameters:
    ///   - table: The table to divide.
    ///   - server: The database that holds the table.
    /// - Returns: At least one part.
    package static func all(of table: Table, on server: DatabaseIdentity) -> [BlockRange] {
        canCut(table, on: server) ? all(of: table.heapBytes / blockBytes, inEach: blocksOfPart) : all(of: 0, inEach: 1)
    }

    /// Returns the parts of a file.
    ///
    /// - Parameters:
    ///   - blocks: The number of blocks in the file; it may have grown since.
    ///   - size: The minimum number of blocks in a part.
    /// - Returns: At least one part.
    package static func all(of blocks: Int, inEach size: Int) -> [BlockRange] {
        let count = max(1, blocks / size)
        return (0..<count).map { part in
            BlockRange(lower: part * size, upper: part == count - 1 ? nil : (part + 1) * size)
        }
    }

    /// Whether the server can read one part without reading the others.
    package static func canCut(_ table: Table, on server: DatabaseIdentity) -> Bool {
        !table.isPartitioned && server.serverVersion.major >= firstMajor
    }

    /// The WHERE condition for rows of this part.
    package var condition: SQL {
        switch (lower, upper) {
        case (0, nil): "true"
        case (let lower, nil): "ctid >= '(\(Int(lower)),0)'"
        case (let lower, let upper?): "ctid >= '(\(Int(lower)),0)' AND ctid < '(\(Int(upper)),0)'"
        }
    }
}
