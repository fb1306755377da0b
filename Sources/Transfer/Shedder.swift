import Ledger
import Planning
import Postgres

/// Deletes from a chunk on the target every row that was updated or deleted on the source since the mark.
///
/// Exactly the untouched rows remain. The source's untouched rows are a subset of the target's rows, so equal counts
/// mean equal sets: counting is enough as a proof.
struct Shedder {
    let lane: Lane
    let chunk: ChunkSource
    let key: Key
    let mark: Mark
    /// The rows on the target that the chunk consists of; nil: all that its range has there.
    var heldWhere: SQL?

    /// - Parameters:
    ///   - held: The number of the chunk's rows on the target.
    ///   - probe: The counts on the source.
    /// - Returns: False if the target's rows do not match the ledger, so that the chunk has to be compared.
    /// - Throws: ``PostgresError``.
    func shed(held: Int, probe: ChunkSource.Probe) throws -> Bool {
        guard held > probe.untouched else { return held == probe.untouched }
        var held = held
        if probe.written > 0 {
            // Updated rows usually keep their keys, so the list of written keys is the cheaper one.
            let keys = chunk.writtenKeys(key, since: mark, at: probe.places)
            held -= try list("tidemark_written", keys).deleteListed()
        }
        if held > probe.untouched {
            held -= try list("tidemark_untouched", [chunk.untouchedKeys(key, since: mark)])
                .deleteOthers(where: heldWhere ?? chunk.range.condition(on: key))
        }
        return held == probe.untouched
    }

    private func list(_ name: Identifier, _ copiesOut: [SQL]) throws -> KeyList {
        try KeyList(name, of: chunk.relation, key, on: lane.target) { copyIn in
            for copyOut in copiesOut { _ = try chunk.connection.relay(copyOut, to: lane.target, copyIn) { _ in } }
        }
    }
}
