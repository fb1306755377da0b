/// What a call has moved.
package struct MovedCounts: Sendable, Codable {
    package var chunks = 0
    package var rows = 0
    package var removedRows = 0
    package var bytes = 0
    package var retries = 0
    package var reconciledChunks = 0
    package var unchangedChunks = 0
    package var largeObjects = 0
    package var removedLargeObjects = 0

    package init() {}

    /// The sum of what two have moved.
    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.chunks += right.chunks
        sum.rows += right.rows
        sum.removedRows += right.removedRows
        sum.bytes += right.bytes
        sum.retries += right.retries
        sum.reconciledChunks += right.reconciledChunks
        sum.unchangedChunks += right.unchangedChunks
        sum.largeObjects += right.largeObjects
        sum.removedLargeObjects += right.removedLargeObjects
        return sum
    }
}
