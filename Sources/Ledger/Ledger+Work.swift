package import Postgres

/// The work one client has done for a table.
package struct TableWork: Sendable, Codable {
    package let schemaName: ServerText
    package let tableName: ServerText
    package let chunks: Int
    package let rows: Int
    package let bytes: Int
    package let milliseconds: Int
}

/// A statement that a run has executed, with its duration.
package struct StatementWork: Sendable, Codable {
    package let statement: ServerText
    package let milliseconds: Int
}

/// Summaries of the audit trail.
extension Ledger {
    /// The tables whose rows on the target a pass has written.
    package func relationsWritten(in pass: Int) throws -> Set<Int> {
        try Set(
            connection.query(
                """
                SELECT DISTINCT relation_id FROM tidemark.event
                WHERE pass = \(value: pass) AND relation_id IS NOT NULL AND kind NOT IN ('unchanged', 'cut', 'followed', 'slice')
                  AND (kind <> 'shed' OR rows > 0)
                """
            ).map { try $0.integer("relation_id") }
        )
    }

    /// This client's work on chunks, by table; the time is the sum over all workers.
    package func tableWork() throws -> [TableWork] {
        try connection.query(
            TableWork.self,
            """
            SELECT r.schema_name, r.table_name, count(*) AS chunks, coalesce(sum(e.rows), 0)::bigint AS rows,
                   coalesce(sum(e.bytes), 0)::bigint AS bytes, coalesce(sum(e.milliseconds), 0)::bigint AS milliseconds
            FROM tidemark.event e JOIN tidemark.relation r USING (relation_id)
            WHERE e.epoch = \(value: epoch) AND e.chunk_number IS NOT NULL AND e.kind <> 'distrusted'
            GROUP BY r.schema_name, r.table_name
            ORDER BY 6 DESC, 1, 2
            """
        )
    }

    /// This client's statements that built objects, in the order in which they ended.
    package func statementWork() throws -> [StatementWork] {
        try connection.query(
            StatementWork.self,
            """
            SELECT subject AS statement, coalesce(milliseconds, 0) AS milliseconds FROM tidemark.event
            WHERE epoch = \(value: epoch) AND kind = 'build' AND subject IS NOT NULL ORDER BY event_id
            """
        )
    }
}
