/// What a snapshot shows of a chunk: how many rows were written since its mark, where they lie, and how many were not.
struct ProbedChunk: Sendable {
    var written = 0
    var untouched = 0
    var places = RowPlaces()

    /// Enters one row.
    ///
    /// - Parameters:
    ///   - isWritten: Whether it was written since the mark.
    ///   - block: Its block.
    ///   - line: Its line pointer in the block.
    mutating func add(isWritten: Bool, block: UInt32, line: UInt32) {
        guard isWritten else { return untouched += 1 }
        written += 1
        places.add(block: block, line: line)
    }

    mutating func add(_ other: ProbedChunk) {
        written += other.written
        untouched += other.untouched
        places.add(other.places)
    }
}
