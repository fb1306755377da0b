package import Postgres

/// Many lines in one statement: with thousands of small tables a line each would cost more than what it tells of.
extension Ledger {
    /// What was done to one subject.
    package struct Event: Sendable, Encodable {
        let kind: String
        let subject: String?
        let relation: Int?
        let chunk: Int?
        let rows: Int?
        let bytes: Int?
        let milliseconds: Int?

        /// - Parameters:
        ///   - kind: What was done.
        ///   - subject: What it was done to, or the statement that was carried out.
        ///   - relation: The table, where it is one the ledger knows.
        ///   - chunk: Its chunk.
        ///   - count: How much was copied.
        ///   - duration: How long it took.
        package init(
            _ kind: String,
            _ subject: String? = nil,
            relation: Int? = nil,
            chunk: Int? = nil,
            count: CopyCount? = nil,
            duration: Duration? = nil
        ) {
            self.kind = kind
            self.subject = subject
            self.relation = relation
            self.chunk = chunk
            rows = count?.rows
            bytes = count?.bytes
            milliseconds = (duration?.wholeMilliseconds).map { Int($0) }
        }
    }

    /// Enters what was done, in the order of the list.
    package func record(_ events: [Event]) throws {
        guard !events.isEmpty else { return }
        try connection.execute(
            """
            INSERT INTO tidemark.event (epoch, pass, kind, subject, relation_id, chunk_number, rows, bytes, milliseconds)
            SELECT \(value: epoch), r.pass, e ->> 'kind', e ->> 'subject', (e ->> 'relation')::integer,
                   (e ->> 'chunk')::integer, (e ->> 'rows')::bigint, (e ->> 'bytes')::bigint,
                   (e ->> 'milliseconds')::bigint
            FROM tidemark.run r, pg_catalog.jsonb_array_elements(\(value: try Self.json(events))::jsonb) WITH ORDINALITY AS j(e, n)
            ORDER BY j.n
            """
        )
    }

    /// Enters that all statements of objects are done, in the transaction that did them.
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
