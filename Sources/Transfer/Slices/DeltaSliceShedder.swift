import Ledger
import Planning
import Postgres

/// Deletes from a table on the target the rows that were updated or deleted on the source, as ``DeltaSlices`` have found.
///
/// It does for a whole table what ``Shedder`` does for a chunk, with short transactions on the source.
struct DeltaSliceShedder {
    let lane: Lane
    let slices: DeltaSlices
    /// Runs its argument in a snapshot of its own on the source.
    let reading: (_ body: () throws -> Void) throws -> Void

    private var probe: TableProbe { slices.probe }
    private var relation: RelationEntry { probe.relation }
    private var everything: ChunkSource { ChunkSource(lane.source, relation: relation, range: .everything) }

    /// Sheds in the open transaction of the target.
    ///
    /// - Parameters:
    ///   - chunks: The chunks as they are now.
    ///   - found: What the source holds of each, by its number.
    ///   - ledger: The ledger, in the same transaction.
    /// - Returns: How many rows were deleted, by the number of the chunk.
    /// - Throws: ``AbandonedSlices`` if the target does not hold what the ledger says; ``PostgresError``.
    func shed(_ chunks: [ChunkEntry], _ found: [Int: ProbedChunk], in ledger: Ledger) throws
        -> [Int: Int]
    {
        guard let key = relation.key else { return [:] }
        var held = Dictionary(keepingFirst: chunks.map { ($0.chunkNumber, $0.rows) })
        func isTooFew(_ chunk: ChunkEntry) -> Bool { held[chunk.chunkNumber, default: 0] < untouched(chunk) }
        func isTooMany(_ chunk: ChunkEntry) -> Bool { held[chunk.chunkNumber, default: 0] > untouched(chunk) }
        func untouched(_ chunk: ChunkEntry) -> Int { found[chunk.chunkNumber]?.untouched ?? 0 }

        if chunks.contains(where: isTooMany), found.values.contains(where: { $0.written > 0 }) {
            // Updated rows usually keep their keys, so the list of written keys is the cheaper one.
            let (list, _) = try listWritten(key, ledger)
            let listed = try numbered(list.count(by: probe.number))
            guard try list.deleteListed() == listed.values.reduce(0, +) else { throw Self.miscount }
            for (number, rows) in listed { held[number, default: 0] -= rows }
        }
        if chunks.contains(where: isTooMany) {
            let (list, keys) = try listUntouched(key, ledger)
            let kept = try numbered(list.count(by: probe.number))
            // Rows may be gone since they were counted, but whatever is left must be on the target.
            guard kept.values.reduce(0, +) == keys else { throw Self.miscount }
            let removed = try list.deleteOthers(where: "true")
            guard held.values.reduce(0, +) - removed == keys else { throw Self.miscount }
            held = kept
        } else if chunks.contains(where: isTooFew) {
            throw Self.miscount
        }
        var removals: [Int: Int] = [:]
        for chunk in chunks.sorted(by: { $0.chunkNumber < $1.chunkNumber }) {
            let removed = chunk.rows - held[chunk.chunkNumber, default: 0]
            guard removed > 0 else { continue }
            try ledger.amend(chunk, removed: removed)
            removals[chunk.chunkNumber] = removed
        }
        return removals
    }

    private static let miscount = AbandonedSlices(reason: "the target does not have the rows recorded in the ledger")

    /// The counts by the numbers of the chunks, instead of their positions.
    private func numbered(_ counts: [Int: Int]) -> [Int: Int] {
        Dictionary(keepingFirst: counts.map { (probe.chunks[$0.key].chunkNumber, $0.value) })
    }

    private func listWritten(_ key: Key, _ ledger: Ledger) throws -> (list: KeyList, keys: Int) {
        try list("tidemark_written", key, in: ledger) { slice in
            slices.written(in: slice).flatMap { position, mark, found in
                ChunkSource(lane.source, relation: relation, range: probe.chunks[position].range)
                    .writtenKeys(key, since: mark, upTo: slices.mark, at: found.places)
            }
        }
    }

    private func listUntouched(_ key: Key, _ ledger: Ledger) throws -> (list: KeyList, keys: Int) {
        let ofRange = probe.chunks.map { (range: $0.range, value: DeltaRule.isWritten(since: $0.mark ?? probe.oldest)) }
        let isWritten = KeyRange.choice(among: ofRange, by: key)
        return try list("tidemark_untouched", key, in: ledger) { slice in
            [everything.untouchedKeys(key, in: slice.blocks, unless: isWritten)]
        }
    }

    private func list(
        _ name: Identifier,
        _ key: Key,
        in ledger: Ledger,
        copiesOut: (DeltaSlices.Slice) -> [SQL]
    ) throws -> (list: KeyList, keys: Int) {
        var keys = 0
        let own = OwnRows(ledger, provenBy: probe.chunks.map(\.proof))
        let list = try KeyList(name, of: relation, key, on: lane.target, deleting: own) { copyIn in
            for slice in slices.slices {
                try reading {
                    for copyOut in copiesOut(slice) {
                        keys += try lane.source.relay(copyOut, to: lane.target, copyIn) { _ in }.rows
                    }
                }
            }
        }
        return (list, keys)
    }
}
