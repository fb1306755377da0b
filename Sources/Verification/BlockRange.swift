import Catalog
package import Postgres

/// A part of a table by where its rows lie, not by what they hold: blocks of its file, read one after the other.
///
/// The server goes to the first of them at once since version 14 (TID Range Scan); before, it would read all others as
/// well.
package struct BlockRange: Sendable, Hashable {
    /// Large enough that starting a statement is nothing beside reading it, small enough that two connections end
    /// together.
    private static let blocksOfPart = 16_384
    private static let blockBytes = 8192
    private static let firstMajor = 14

    private let lower: Int
    /// Nil: to the end, wherever that is by now.
    private let upper: Int?

    /// The parts of a table; only the last is open, so none of its rows is left out.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - server: Where it is.
    /// - Returns: At least one part.
    static func all(of table: Table, on server: DatabaseIdentity) -> [BlockRange] {
        canCut(table, on: server) ? all(of: table.heapBytes / blockBytes, inEach: blocksOfPart) : all(of: 0, inEach: 1)
    }

    /// The parts of a file.
    ///
    /// - Parameters:
    ///   - blocks: How many blocks it has, or had a moment ago.
    ///   - size: How many there are in a part, at least.
    /// - Returns: As before.
    package static func all(of blocks: Int, inEach size: Int) -> [BlockRange] {
        let count = max(1, blocks / size)
        return (0..<count).map { part in
            BlockRange(lower: part * size, upper: part == count - 1 ? nil : (part + 1) * size)
        }
    }

    /// Whether the server reads a part without reading all others as well.
    static func canCut(_ table: Table, on server: DatabaseIdentity) -> Bool {
        !table.isPartitioned && server.serverVersion.major >= firstMajor
    }

    /// What a row of the part fulfils.
    package var condition: SQL {
        switch (lower, upper) {
        case (0, nil): "true"
        case (let lower, nil): "ctid >= '(\(Int(lower)),0)'"
        case (let lower, let upper?): "ctid >= '(\(Int(lower)),0)' AND ctid < '(\(Int(upper)),0)'"
        }
    }
}
