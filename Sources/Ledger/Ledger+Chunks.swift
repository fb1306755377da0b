import Planning
package import Postgres

extension Ledger {
    /// Takes the next chunk that is due, the largest tables' first; it stays taken until the open transaction ends.
    ///
    /// Workers of any number of processes may claim at once: a taken row is skipped, not waited for.
    ///
    /// - Parameter stage: What is to be done.
    /// - Returns: The chunk; nil when none is left that nobody has taken.
    /// - Throws: ``PostgresError``.
    package func claim(_ stage: ChunkStage) throws -> ChunkEntry? {
        try fence()
        // The locking clause cannot stand in a subquery that is aggregated, hence decoded from a subselect by key.
        let claimed = try connection.query(
            """
            SELECT c.relation_id, c.chunk_number FROM tidemark.chunk c JOIN tidemark.relation r USING (relation_id)
            WHERE \(stage.isDue)
            ORDER BY r.table_bytes DESC, c.relation_id, c.chunk_number
            FOR UPDATE OF c SKIP LOCKED LIMIT 1
            """
        )
        guard let claimed = claimed.first else { return nil }
        return try connection.query(
            ChunkEntry.self,
            """
            SELECT \(Self.chunkColumns) FROM tidemark.chunk c
            WHERE c.relation_id = \(value: try claimed.text("relation_id"))::integer
              AND c.chunk_number = \(value: try claimed.text("chunk_number"))::integer
            """
        ).first
    }

    /// Enters that a chunk stands at a new mark, in the transaction that made it so.
    ///
    /// - Parameters:
    ///   - chunk: The chunk.
    ///   - mark: The mark it stands at now.
    ///   - pass: The pass this counts for.
    ///   - rows: How many rows of the chunk the target holds now.
    ///   - bytes: How many bytes were copied for it, all passes together.
    /// - Throws: ``PostgresError``.
    package func complete(_ chunk: ChunkEntry, mark: Mark, pass: Int, rows: Int, bytes: Int) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk
            SET mark = \(value: try Self.json(mark))::jsonb, is_adopted = false, pass = \(value: pass), rows = \(value: rows),
                bytes = \(value: bytes), shed_snapshot = NULL, written_rows = NULL,
                transaction_id = pg_catalog.txid_current(), changed_at = pg_catalog.clock_timestamp()
            WHERE \(isChunk(chunk))
            """
        )
    }

    /// Enters that a chunk has shed what changed up to a snapshot.
    ///
    /// It keeps its old mark, and holds fewer rows.
    package func shed(_ chunk: ChunkEntry, rows: Int, written: Int, snapshot: Snapshot) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk
            SET rows = \(value: rows), written_rows = \(value: written), shed_snapshot = \(value: snapshot.description),
                transaction_id = pg_catalog.txid_current(), changed_at = pg_catalog.clock_timestamp()
            WHERE \(isChunk(chunk))
            """
        )
    }

    /// Enters that a chunk has shed what a comparison found to differ in this snapshot.
    ///
    /// What is left is right, but no mark tells since when: it has to be compared again before it gets one.
    package func shedByComparison(_ chunk: ChunkEntry, rows: Int, snapshot: Snapshot) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk
            SET mark = NULL, is_adopted = true, rows = \(value: rows), written_rows = NULL,
                shed_snapshot = \(value: snapshot.description),
                transaction_id = pg_catalog.txid_current(), changed_at = pg_catalog.clock_timestamp()
            WHERE \(isChunk(chunk))
            """
        )
    }

    /// Makes all chunks of a table due again if any is: they must stand in one snapshot, and an earlier one is gone.
    ///
    /// - Returns: Whether any chunk is due.
    package func unsettle(_ relation: Int, pass: Int) throws -> Bool {
        let due = try connection.queryOne(
            "SELECT count(*) AS n FROM tidemark.chunk WHERE relation_id = \(relation) AND pass < \(pass)"
        )
        guard try due.integer("n") > 0 else { return false }
        try connection.execute(
            "UPDATE tidemark.chunk SET pass = \(pass - 1) WHERE relation_id = \(relation) AND pass >= \(pass)"
        )
        return true
    }

    private func isChunk(_ chunk: ChunkEntry) -> SQL {
        "relation_id = \(value: chunk.relationId) AND chunk_number = \(value: chunk.chunkNumber)"
    }
}
