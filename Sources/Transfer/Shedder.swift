import Ledger
import Planning
import Postgres

/// Takes out of a chunk on the target every row the source no longer has as it was: the updated and the deleted ones.
///
/// What remains are exactly the untouched rows. The source's untouched rows are a subset of what the target holds, so
/// equal counts mean equal sets; that is what makes the cheap way a proof.
struct Shedder {
    let lane: Lane
    let chunk: ChunkSource
    let key: Key
    let mark: Mark

    /// - Parameters:
    ///   - held: How many rows of the chunk the target holds.
    ///   - probe: What the source has.
    /// - Returns: False when the target does not hold what the ledger says, so that only replacing the chunk is right.
    /// - Throws: ``PostgresError``.
    func shed(held: Int, probe: ChunkSource.Probe) throws -> Bool {
        guard held > probe.untouched else { return held == probe.untouched }
        var held = held
        if probe.written > 0 {
            // Updated rows keep their keys most of the time: the written keys are the cheaper list.
            held -= try list("tidemark_written", chunk.keys(key, written: true, since: mark)).deleteListed()
        }
        if held > probe.untouched {
            held -= try list("tidemark_untouched", chunk.keys(key, written: false, since: mark))
                .deleteOthers(where: chunk.range.condition(on: key))
        }
        return held == probe.untouched
    }

    private func list(_ name: Identifier, _ copyOut: SQL) throws -> KeyList {
        try KeyList(name, of: chunk.relation, key, on: lane.target) { copyIn in
            _ = try chunk.connection.relay(copyOut, to: lane.target, copyIn) { _ in }
        }
    }
}
