package import Planning

/// A chunk as recorded in the ledger.
package struct ChunkEntry: Sendable, Codable {
    package let relationId: Int
    package let chunkNumber: Int
    package let range: KeyRange
    package let isImmutable: Bool
    /// Whether it was cut from another one.
    package let isPart: Bool
    package let isAdopted: Bool
    package let mark: Mark?
    package let pass: Int
    /// The last pass that moved the mark; 0 if the chunk may lack rows that the counters of that pass contain.
    package let readPass: Int
    package let rows: Int
    package let bytes: Int
    package let shedSnapshot: String?
    package let writtenRows: Int?
    package let proof: ChunkProof?
}

extension ChunkEntry {
    /// The chunk's table.
    ///
    /// - Parameter relations: The ledger's tables, by their numbers.
    /// - Returns: The table.
    /// - Throws: ``LedgerError`` if it is not among them.
    package func relation(among relations: [Int: RelationEntry]) throws -> RelationEntry {
        guard let relation = relations[relationId] else {
            throw LedgerError(
                .missing,
                "the ledger contains a chunk of an unknown table",
                hint: "the schema tidemark was modified; start over with an empty target"
            )
        }
        return relation
    }
}
