import FoundationEssentials
package import Planning
package import Postgres

/// The servers' counters of rows written, as evidence for later calls.
extension Ledger {
    /// Rows that were inserted and deleted on the target in all passes together.
    package struct OwnWrites: Sendable, Codable {
        package let inserted: Int
        package let deleted: Int

        package init(inserted: Int, deleted: Int) {
            self.inserted = inserted
            self.deleted = deleted
        }
    }

    /// Counters kept for a pass.
    package struct KeptCounters: Sendable {
        package let reading: CounterReading
        /// On the target: what this run had written until then, by the tables' numbers.
        package let own: [Int: OwnWrites]

        /// What this run has written to a table of the target since then.
        ///
        /// - Parameters:
        ///   - relation: The table's number.
        ///   - now: What it has written until now.
        /// - Returns: The rows inserted and deleted in between.
        package func written(to relation: Int, until now: [Int: OwnWrites]) -> (inserted: Int, deleted: Int) {
            let (before, after) = (own[relation], now[relation])
            return (
                (after?.inserted ?? 0) - (before?.inserted ?? 0), (after?.deleted ?? 0) - (before?.deleted ?? 0)
            )
        }
    }

    /// Keeps counters that were read before the first snapshot of a pass; those kept before stay, because they are older.
    ///
    /// - Parameters:
    ///   - reading: The counters.
    ///   - pass: The pass.
    ///   - side: The server they come from.
    /// - Throws: ``PostgresError``.
    package func keep(_ reading: CounterReading, pass: Int, of side: Endpoint.Side) throws {
        let own = side == .target ? try ownWrites() : [:]
        let byNumber = Dictionary(uniqueKeysWithValues: own.map { (String($0.key), $0.value) })
        try connection.execute(
            """
            INSERT INTO tidemark.counters (pass, side, reading, written)
            VALUES (\(value: pass), \(value: side.rawValue), \(value: try Self.json(reading))::jsonb,
                    \(value: try Self.json(byNumber))::jsonb)
            ON CONFLICT DO NOTHING
            """
        )
    }

    /// The counters kept for each pass.
    package func counters(of side: Endpoint.Side) throws -> [Int: KeptCounters] {
        let rows = try connection.query(
            "SELECT pass, reading, written FROM tidemark.counters WHERE side = \(value: side.rawValue)"
        )
        return try Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let decoder = JSONDecoder()
                let reading = try decoder.decode(CounterReading.self, from: Data(row.text("reading").utf8))
                let own = try decoder.decode([String: OwnWrites].self, from: Data(row.text("written").utf8))
                return (
                    try row.integer("pass"),
                    KeptCounters(
                        reading: reading,
                        own: Dictionary(
                            keepingFirst: own.compactMap { entry in Int(entry.key).map { ($0, entry.value) } }
                        )
                    )
                )
            }
        )
    }

    /// Records that one row was written to each of some tables and rolled back.
    package func noteTriedInserts(_ tables: [QualifiedName]) throws {
        guard !tables.isEmpty else { return }
        let names = tables.map { "(\(literal: $0.schema), \(literal: $0.name))" as SQL }.joined(separator: ", ")
        try connection.execute(
            """
            UPDATE tidemark.relation SET tried_inserts = tried_inserts + 1
            WHERE (schema_name, table_name) IN (\(names))
            """
        )
    }

    /// The rows this run has inserted and deleted on the target, by the tables' numbers.
    package func ownWrites() throws -> [Int: OwnWrites] {
        let rows = try connection.query(
            """
            SELECT r.relation_id, coalesce(sum(c.inserted_rows), 0)::bigint + r.tried_inserts AS inserted,
                   coalesce(sum(c.deleted_rows), 0)::bigint AS deleted
            FROM tidemark.relation r LEFT JOIN tidemark.chunk c USING (relation_id) GROUP BY r.relation_id
            """
        )
        return try Dictionary(
            uniqueKeysWithValues: rows.map { row in
                (
                    try row.integer("relation_id"),
                    OwnWrites(inserted: try row.integer("inserted"), deleted: try row.integer("deleted"))
                )
            }
        )
    }

    /// Forgets counters that no chunk refers to any more.
    package func forgetOldCounters() throws {
        try connection.execute(
            """
            DELETE FROM tidemark.counters
            WHERE pass < (SELECT min(least(c.read_pass, coalesce((c.proof ->> 'pass')::bigint, c.read_pass)))
                          FROM tidemark.chunk c WHERE c.read_pass > 0)
            """
        )
    }

    /// Counts chunks as done in a pass without moving their marks, because nothing was written to them since.
    ///
    /// - Parameters:
    ///   - chunks: The numbers of the chunks, by the tables' numbers.
    ///   - pass: The pass.
    /// - Throws: ``PostgresError``.
    package func passOver(_ chunks: [Int: Set<Int>], in pass: Int) throws {
        let pairs = chunks.sorted { $0.key < $1.key }.flatMap { relation, numbers in
            numbers.sorted().map { [relation, $0] }
        }
        guard !pairs.isEmpty else { return }
        try connection.execute(
            """
            UPDATE tidemark.chunk c SET pass = \(pass)
            FROM pg_catalog.jsonb_array_elements(\(value: try Self.json(pairs))::jsonb) AS p(e)
            WHERE c.relation_id = (p.e ->> 0)::integer AND c.chunk_number = (p.e ->> 1)::integer AND c.mark IS NOT NULL
            """
        )
    }
}
