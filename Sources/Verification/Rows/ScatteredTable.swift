import Catalog
package import Ledger
package import Planning
import Postgres

/// A table whose keys are scattered over its file, proven ahead by reading the file once instead of once for each chunk.
///
/// Each part of the file is read in a snapshot of its own, so no transaction lasts long. That is enough: a row that was not
/// written since its chunk's mark does not move, and is among those that the mark saw. If as many are found as the target
/// holds, all were found.
package struct ScatteredTable: Sendable {
    let relation: RelationEntry
    /// All chunks, in the order of the key.
    package let chunks: [ChunkEntry]
    let range: ComparedRange
    /// The states of both tables before the first part is read.
    let states: (source: TableState, target: TableState)
    private let number: SQL
    private let isWritten: (source: SQL, target: SQL)

    /// Returns nil if the chunks have to be proven one by one.
    ///
    /// - Parameters:
    ///   - relation: The table.
    ///   - chunks: All its chunks.
    ///   - range: How any of them is compared.
    ///   - states: The states of both tables.
    package init?(
        _ relation: RelationEntry,
        _ chunks: [ChunkEntry],
        comparedAs range: ComparedRange,
        in states: (source: TableState, target: TableState)
    ) {
        guard let chunks = KeyRange.inOrder(chunks, \.range) else { return nil }
        let marks = chunks.map { (range: $0.range, mark: $0.mark) }
        guard let key = relation.key, chunks.count > 1, range.isCutInBlocks, let oldest = Self.oldest(chunks),
            states.source.mark.tableOid == relation.definition.oid, states.source.isLaidOut(as: relation.definition),
            chunks.allSatisfy({ chunk in
                chunk.mark.map {
                    $0.voidReason(at: states.source.mark) == nil && $0.fileNode == states.source.mark.fileNode
                } ?? false
            })
        else { return nil }
        self.relation = relation
        self.chunks = chunks
        self.range = range
        self.states = states
        number = KeyRange.choice(among: chunks.enumerated().map { ($1.range, "\($0)") }, by: key)
        let ofRange = marks.map { (range: $0.range, value: ProofRule.isWritten(since: $0.mark ?? oldest)) }
        isWritten = (KeyRange.choice(among: ofRange, by: key), ProofRule.isWritten(since: states.target.mark))
    }

    private static func oldest(_ chunks: [ChunkEntry]) -> Mark? {
        chunks.compactMap(\.mark).min { $0.snapshot.xmin < $1.snapshot.xmin }
    }

    /// The parts of both files.
    var parts: [(side: Endpoint.Side, blocks: BlockRange)] {
        range.blocks.source.map { (.source, $0) } + range.blocks.target.map { (.target, $0) }
    }

    /// Reads from a part of the table, by the position of the chunk: the number of rows that its proof would cover, the sum of
    /// their hashes, and the number of all others.
    func look(at part: BlockRange, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        switch side {
        case .source:
            // Rows written since the mark are left to the next pass.
            range.counts(
                of: part,
                by: number,
                counting: "NOT (\(isWritten.source))",
                and: isWritten.source,
                hash,
                on: side
            )
        case .target:
            range.counts(of: part, by: number, counting: "true", and: isWritten.target, hash, on: side)
        }
    }
}
