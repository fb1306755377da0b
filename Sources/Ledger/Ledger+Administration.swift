import Planning
package import Postgres

/// The progress of a run in numbers.
package struct LedgerTotals: Sendable, Codable {
    package let chunks: Int
    package let chunksWithBase: Int
    package let chunksOfPass: Int
    package let rows: Int
    package let bytes: Int
    package let objects: Int
    package let objectsBuilt: Int
    package let relations: Int
    package let lastChange: String?
}

extension Ledger {
    /// Counts what is there.
    ///
    /// Chunks of tables that are copied whole count from the cutover's pass on, which copies them.
    ///
    /// - Returns: The counts.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    package func totals() throws -> LedgerTotals {
        let steps = RunStep.allCases.filter { $0 >= .dataComplete }.map { "\(literal: ServerText($0.rawValue))" as SQL }
        let totals = try connection.query(
            LedgerTotals.self,
            """
            WITH due AS (
                SELECT c.mark, c.pass >= run.pass AND run.pass > 0 AS is_of_pass
                FROM tidemark.chunk c JOIN tidemark.relation r USING (relation_id) CROSS JOIN tidemark.run
                WHERE r.treatment \(Treatment.among(\.isCopiedAhead)) OR run.archive IS NOT NULL
                   OR run.step IN (\(steps.joined(separator: ", ")))
                   OR EXISTS (SELECT FROM tidemark.work w WHERE w.epoch = run.epoch
                              AND w.content -> 'task' -> 'chunks' -> '_0' ? 'cutover'))
            SELECT (SELECT count(*) FROM due) AS chunks,
                   (SELECT count(*) FROM due WHERE mark IS NOT NULL) AS chunks_with_base,
                   (SELECT count(*) FROM due WHERE is_of_pass) AS chunks_of_pass,
                   (SELECT coalesce(sum(rows), 0) FROM tidemark.chunk)
                   + (SELECT coalesce(sum(rows), 0) FROM tidemark.slice) AS rows,
                   (SELECT coalesce(sum(bytes), 0) FROM tidemark.chunk)
                   + (SELECT coalesce(sum(bytes), 0) FROM tidemark.slice) AS bytes,
                   (SELECT count(*) FROM tidemark.object) AS objects,
                   (SELECT count(*) FROM tidemark.object
                    WHERE steps_done >= pg_catalog.jsonb_array_length(statements)) AS objects_built,
                   (SELECT count(*) FROM tidemark.relation WHERE treatment \(Treatment.among(\.isOnTarget))) AS relations,
                   (SELECT pg_catalog.to_char(max(at), 'YYYY-MM-DD HH24:MI:SS "UTC"') FROM tidemark.event) AS last_change
            """
        )
        guard let first = totals.first else { throw LedgerError(.missing, "the ledger is empty") }
        return first
    }

    /// Drops the ledger's own tables one by one; fails if other objects depend on them.
    package static func drop(on connection: Connection, abandon: Bool) throws {
        try lock(connection)
        guard let run = try run(on: connection) else {
            throw LedgerError(.missing, "the target has no ledger", hint: "there is nothing to finish")
        }
        guard run.step == .done || abandon else {
            throw LedgerError(
                .tooLate,
                "the run is not done (step \(run.step.rawValue)): without its ledger it cannot resume",
                hint:
                    "run tidemark cutover (or restore) until it ends as proven; verify alone is not enough. --abandon drops the ledger and gives the run up"
            )
        }
        // One that was stopped may hold locks on the ledger, and would go on with what is left of it.
        try connection.endSessions(named: run.sessionPrefix)
        try connection.transaction(.readWrite) {
            for table in tables {
                try connection.execute("DROP TABLE \(schema).\(table)")
            }
            try connection.execute("DROP SCHEMA \(schema)")
        }
    }
}
