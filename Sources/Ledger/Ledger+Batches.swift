package import Planning
package import Postgres

/// Writes many rows of the ledger in one statement: with thousands of small tables, single statements would cost more
/// than the recorded work.
extension Ledger {
    /// One entry of the audit trail.
    package struct Event: Sendable, Encodable {
        let kind: String
        let subject: String?
        let relation: Int?
        let chunk: Int?
        let rows: Int?
        let removed: Int?
        let bytes: Int?
        let milliseconds: Int?

        /// - Parameters:
        ///   - kind: What was done.
        ///   - subject: The object it was done to, or the statement that was executed.
        ///   - relation: The number of the table, if the ledger has it.
        ///   - chunk: The number of the chunk.
        ///   - count: The rows and bytes copied.
        ///   - removed: The rows deleted.
        ///   - bytes: The bytes copied, if no count is given.
        ///   - duration: How long it took.
        package init(
            _ kind: String,
            _ subject: String? = nil,
            relation: Int? = nil,
            chunk: Int? = nil,
            count: CopyCount? = nil,
            removed: Int? = nil,
            bytes: Int? = nil,
            duration: Duration? = nil
        ) {
            self.kind = kind
            self.subject = subject
            self.relation = relation
            self.chunk = chunk
            rows = count?.rows
            self.removed = removed
            self.bytes = bytes ?? count?.bytes
            milliseconds = (duration?.wholeMilliseconds).map { Int($0) }
        }

        /// The event of a chunk whose base is complete.
        package init(baseOf chunk: ChunkEntry) {
            let copied = CopyCount(rows: chunk.rows, bytes: chunk.bytes)
            self.init("base", relation: chunk.relationId, chunk: chunk.chunkNumber, count: copied)
        }
    }

    /// Records events, in the order of the list, with the next statement of the open transaction or its end.
    package func record(_ events: [Event]) throws {
        guard !events.isEmpty else { return }
        connection.later(
            """
            INSERT INTO tidemark.event (epoch, pass, kind, subject, relation_id, chunk_number, rows, removed_rows, bytes,
                                        milliseconds, worker_id)
            SELECT \(value: epoch), r.pass, e ->> 'kind', e ->> 'subject', (e ->> 'relation')::integer,
                   (e ->> 'chunk')::integer, (e ->> 'rows')::bigint, (e ->> 'removed')::bigint, (e ->> 'bytes')::bigint,
                   (e ->> 'milliseconds')::bigint, \(participation.map { "\($0.worker)" } ?? "NULL" as SQL)
            FROM tidemark.run r, pg_catalog.jsonb_array_elements(\(value: try Self.json(events))::jsonb) WITH ORDINALITY AS j(e, n)
            ORDER BY j.n
            """
        )
    }

    /// A chunk's move to a new mark.
    package struct Completion: Sendable {
        let chunk: ChunkEntry
        let mark: Mark
        let pass: Int
        let rows: Int
        let bytes: Int
        let inserted: Int
        let deleted: Int
        let proof: ChunkProof.Fate

        /// - Parameters:
        ///   - chunk: The chunk.
        ///   - mark: The new mark.
        ///   - pass: The pass this counts for.
        ///   - rows: The number of the chunk's rows on the target now.
        ///   - bytes: The bytes copied for it in all passes.
        ///   - inserted: The rows inserted on the target in this transaction.
        ///   - deleted: The rows deleted on the target in this transaction.
        ///   - proof: What happens to the proof of its rows.
        package init(
            _ chunk: ChunkEntry,
            mark: Mark,
            pass: Int,
            rows: Int,
            bytes: Int,
            inserted: Int,
            deleted: Int,
            proof: ChunkProof.Fate
        ) {
            self.inserted = inserted
            self.deleted = deleted
            self.chunk = chunk
            self.mark = mark
            self.pass = pass
            self.rows = rows
            self.bytes = bytes
            self.proof = proof
        }

        /// The event of a chunk that has not changed.
        package var event: Event {
            Event("unchanged", relation: chunk.relationId, chunk: chunk.chunkNumber)
        }

        /// The move of a chunk whose rows are still those that the target holds.
        ///
        /// - Parameters:
        ///   - chunk: The chunk.
        ///   - mark: The new mark.
        ///   - pass: The pass this counts for.
        package init(unchanged chunk: ChunkEntry, at mark: Mark, pass: Int) {
            self.init(
                chunk,
                mark: mark,
                pass: pass,
                rows: chunk.rows,
                bytes: chunk.bytes,
                inserted: 0,
                deleted: 0,
                proof: .stands
            )
        }
    }

    /// Records that chunks are at new marks, with the end of the transaction that changed their rows.
    package func complete(_ completions: [Completion]) throws {
        guard !completions.isEmpty else { return }
        // A VALUES list, so that the planner knows the number of rows and finds each chunk by its key.
        let rows = try completions.map { done -> SQL in
            let id: SQL = "\(done.chunk.relationId)::integer, \(done.chunk.chunkNumber)::integer"
            return """
                (\(id), \(literal: try Self.json(done.mark))::jsonb, \(done.pass)::bigint, \(done.rows)::bigint,
                 \(done.bytes)::bigint, \(done.inserted)::bigint, \(done.deleted)::bigint, \(literal: done.proof.rawValue))
                """
        }
        connection.later(
            """
            UPDATE tidemark.chunk c
            SET read_pass = CASE WHEN c.mark IS DISTINCT FROM e.mark THEN e.pass ELSE c.read_pass END,
                inserted_rows = c.inserted_rows + e.inserted, deleted_rows = c.deleted_rows + e.deleted,
                mark = e.mark, is_adopted = false, pass = e.pass, rows = e.rows, bytes = e.bytes, shed_snapshot = NULL,
                written_rows = NULL,
                proof = CASE e.proof
                            WHEN \(literal: ChunkProof.Fate.stands.rawValue) THEN \(ChunkProof.Fate.stands.sql)
                            WHEN \(literal: ChunkProof.Fate.reduced.rawValue) THEN \(ChunkProof.Fate.reduced.sql)
                        END,
                transaction_id = pg_catalog.txid_current(), changed_at = pg_catalog.clock_timestamp()
            FROM (VALUES \(rows.joined(separator: ", "))) AS e(relation_id, chunk_number, mark, pass, rows, bytes, inserted, deleted, proof)
            WHERE (c.relation_id, c.chunk_number) = (e.relation_id, e.chunk_number)
            """
        )
    }

    /// Records that all statements of objects are done, in the transaction that executed them.
    package func complete(_ objects: [ObjectEntry]) throws {
        guard !objects.isEmpty else { return }
        let ids = objects.map { "\($0.objectId)" as SQL }.joined(separator: ", ")
        try connection.execute(
            """
            UPDATE tidemark.object SET steps_done = pg_catalog.jsonb_array_length(statements)
            WHERE object_id IN (\(ids))
            """
        )
    }
}
