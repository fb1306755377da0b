import Ledger
import Planning
import Postgres

/// Deletes from a chunk on the target every row that was updated or deleted on the source since the mark.
///
/// Exactly the untouched rows remain. The source's untouched rows are a subset of the target's rows, so equal counts
/// mean equal sets: counting is enough as a proof.
struct Shedder {
    let lane: Lane
    /// The rows that may be deleted; nil: any.
    let own: OwnRows?
    let chunk: ChunkSource
    let key: Key
    let mark: Mark
    /// The rows on the target that the chunk consists of; nil: all that its range has there.
    var heldWhere: SQL?

    /// - Parameters:
    ///   - held: The number of the chunk's rows on the target.
    ///   - probe: The counts on the source.
    /// - Returns: The number of rows that are left: that of the untouched ones, unless the target lacks some of them, or the
    ///   source has more of them than the ledger says.
    /// - Throws: ``PostgresError``; ``LedgerError`` if others have written a row that has to go.
    func shed(held: Int, probe: ChunkSource.Probe) throws -> Int {
        guard held > probe.untouched else { return held }
        var held = held
        if probe.written > 0 {
            // Updated rows usually keep their keys, so the list of written keys is the cheaper one.
            let keys = chunk.writtenKeys(key, since: mark, at: probe.places)
            held -= try list("tidemark_written", keys).deleteListed(where: heldWhere)
        }
        guard held != probe.untouched else { return held }
        let inRange = heldWhere ?? chunk.range.condition(on: key)
        held -= try list("tidemark_untouched", [chunk.untouchedKeys(key, since: mark)]).deleteOthers(where: inRange)
        guard held != probe.untouched else { return held }
        // Only untouched rows are left, but others may have deleted some of the rest before.
        return try lane.target.queryOne(
            "SELECT count(*) AS n FROM \(chunk.relation.rows) WHERE \(inRange) AND \(chunk.relation.held)"
        ).integer("n")
    }

    private func list(_ name: Identifier, _ copiesOut: [SQL]) throws -> KeyList {
        try KeyList(name, of: chunk.relation, key, on: lane.target, deleting: own) { copyIn in
            for copyOut in copiesOut { _ = try chunk.connection.relay(copyOut, to: lane.target, copyIn) { _ in } }
        }
    }
}
