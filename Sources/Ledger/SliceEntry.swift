package import Planning

/// A part of a table's file that is copied ahead, as recorded in the ledger.
package struct SliceEntry: Sendable, Decodable {
    package let relationId: Int
    package let sliceNumber: Int
    private let lowerBlock: Int
    private let upperBlock: Int?
    /// The mark of all slices of the table.
    package let mark: Mark
    /// The pass in which it was taken.
    let pass: Int
    /// The rows copied; nil: it is not copied yet.
    package let rows: Int?
    /// The bytes copied.
    let bytes: Int?

    package var blocks: BlockRange { BlockRange(lower: lowerBlock, upper: upperBlock) }
}
