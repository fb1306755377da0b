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
            try load("tidemark_written", chunk.keys(key, written: true, since: mark))
            held -= try lane.target.execute(
                "DELETE FROM \(chunk.relation.rows) AS t USING pg_temp.tidemark_written AS k WHERE \(sameKey)"
            )
        }
        if held > probe.untouched {
            try load("tidemark_untouched", chunk.keys(key, written: false, since: mark))
            held -= try lane.target.execute(
                """
                DELETE FROM \(chunk.relation.rows) AS t
                WHERE \(chunk.range.condition(on: key))
                  AND NOT EXISTS (SELECT FROM pg_temp.tidemark_untouched AS k WHERE \(sameKey))
                """
            )
        }
        return held == probe.untouched
    }

    private var sameKey: SQL { key.isSame("t", "k") }

    private func load(_ name: Identifier, _ copyOut: SQL) throws {
        let columns = key.columns.commaSeparated
        try lane.target.execute(
            """
            CREATE TEMPORARY TABLE \(name) ON COMMIT DROP AS
            SELECT \(columns) FROM \(chunk.relation.rows) WITH NO DATA
            """
        )
        _ = try chunk.connection.relay(
            copyOut,
            to: lane.target,
            "COPY pg_temp.\(name) (\(columns)) FROM STDIN \(CopyFormat.text.clause)"
        ) { _ in }
        // Without statistics the planner takes the list for a thousand rows and may nest loops over it.
        try lane.target.execute("ANALYZE pg_temp.\(name)")
    }
}
