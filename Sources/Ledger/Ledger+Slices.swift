package import Planning
package import Postgres

/// Tables whose base is copied by position, because their keys are scattered over the file.
extension Ledger {
    private static let sliceColumns: SQL =
        "relation_id, slice_number, lower_block, upper_block, mark, pass, rows, bytes"

    /// All slices, by table.
    package func slices() throws -> [SliceEntry] {
        try connection.query(
            SliceEntry.self,
            "SELECT \(Self.sliceColumns) FROM tidemark.slice ORDER BY relation_id, slice_number"
        )
    }

    /// Enters the slices of a table of which nothing is copied yet.
    ///
    /// - Parameters:
    ///   - slices: The parts of the source's file.
    ///   - relation: The table.
    ///   - mark: A mark that was taken before any of them is read.
    ///   - pass: The pass.
    /// - Throws: ``PostgresError``.
    package func enter(_ slices: [BlockRange], of relation: RelationEntry, at mark: Mark, pass: Int) throws {
        let numbered = slices.enumerated().map { number, blocks -> SQL in
            let upper: SQL = blocks.upper.map { "\($0)::bigint" } ?? "NULL::bigint"
            return "(\(number + 1)::integer, \(blocks.lower)::bigint, \(upper))"
        }
        try connection.execute(
            """
            INSERT INTO tidemark.slice (relation_id, slice_number, lower_block, upper_block, mark, pass)
            SELECT \(relation.relationId)::integer, s.number, s.lower, s.upper, \(literal: try Self.json(mark))::jsonb,
                   \(pass)::bigint
            FROM (VALUES \(numbered.joined(separator: ", "))) AS s(number, lower, upper)
            """
        )
    }

    /// Claims the next slice to copy; the claim lasts until the open transaction ends.
    ///
    /// - Parameter tables: Tables to skip for now, by their numbers.
    /// - Returns: The slice; nil if none is left to claim.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    package func claimSlice(passingOver tables: Set<Int>) throws -> SliceEntry? {
        try fence()
        let ids = tables.sorted().map { "\($0)" as SQL }.joined(separator: ", ")
        let isOther: SQL = tables.isEmpty ? "true" : "relation_id NOT IN (\(ids))"
        return try connection.query(
            SliceEntry.self,
            """
            SELECT \(Self.sliceColumns) FROM tidemark.slice WHERE rows IS NULL AND \(isOther)
            ORDER BY relation_id, slice_number FOR UPDATE SKIP LOCKED LIMIT 1
            """
        ).first
    }

    /// Leaves the end of a claimed slice to another one.
    ///
    /// - Parameters:
    ///   - slice: The slice.
    ///   - blocks: The blocks it keeps.
    /// - Throws: ``PostgresError``.
    package func shorten(_ slice: SliceEntry, to blocks: Int) throws {
        try numberAlone(slice.relationId)
        let isSlice: SQL =
            "relation_id = \(value: slice.relationId)::integer AND slice_number = \(value: slice.sliceNumber)::integer"
        try connection.execute(
            """
            INSERT INTO tidemark.slice (relation_id, slice_number, lower_block, upper_block, mark, pass)
            SELECT s.relation_id, (SELECT max(slice_number) FROM tidemark.slice WHERE relation_id = s.relation_id) + 1,
                   s.lower_block + \(value: blocks)::bigint, s.upper_block, s.mark, s.pass
            FROM tidemark.slice s WHERE \(isSlice)
            """
        )
        try connection.execute(
            "UPDATE tidemark.slice SET upper_block = lower_block + \(value: blocks)::bigint WHERE \(isSlice)"
        )
    }

    /// Records what was copied of a slice, in the transaction that copied it.
    package func complete(_ slice: SliceEntry, _ count: CopyCount) throws {
        try connection.execute(
            """
            UPDATE tidemark.slice SET rows = \(value: count.rows)::bigint, bytes = \(value: count.bytes)::bigint
            WHERE relation_id = \(value: slice.relationId)::integer AND slice_number = \(value: slice.sliceNumber)::integer
            """
        )
    }

    /// Gives the chunks of a table their mark, once all its slices are copied.
    ///
    /// The rows are among those that the mark's snapshot saw, so all unique keys of the table hold, and it is settled. The
    /// target's rows are counted for each chunk. If there are not as many as were copied, something else has written to
    /// the target, or a crash has emptied the table.
    ///
    /// - Parameters:
    ///   - relation: The table.
    ///   - slices: All its slices, copied.
    /// - Returns: The chunks as they are now; nil if the target's rows are not those that were copied.
    /// - Throws: ``PostgresError``.
    package func gather(_ relation: RelationEntry, _ slices: [SliceEntry]) throws -> [ChunkEntry]? {
        guard let key = relation.key, let first = slices.first else { return nil }
        let found = try chunks().filter { $0.relationId == relation.relationId }
        guard let chunks = KeyRange.inOrder(found, \.range) else { return nil }
        let number = KeyRange.choice(among: chunks.map { ($0.range, "\($0.chunkNumber)") }, by: key)
        let held = try connection.query(
            "SELECT \(number) AS chunk_number, count(*) AS rows FROM \(relation.rows) WHERE \(relation.held) GROUP BY 1"
        ).map { (try $0.integer("chunk_number"), try $0.integer("rows")) }
        let rows = Dictionary(keepingFirst: held)
        let (copied, bytes) = slices.reduce(into: (0, 0)) { $0 = ($0.0 + ($1.rows ?? 0), $0.1 + ($1.bytes ?? 0)) }
        guard rows.values.reduce(0, +) == copied else { return nil }
        try complete(
            chunks.map { chunk in
                let held = rows[chunk.chunkNumber] ?? 0
                return Completion(
                    chunk,
                    mark: first.mark,
                    pass: first.pass,
                    rows: held,
                    bytes: bytes * held / max(1, copied),
                    inserted: held,
                    deleted: 0,
                    proof: .void
                )
            }
        )
        try doubtCounters(of: relation, at: first.mark, pass: first.pass)
        try forgetSlices(of: relation.relationId)
        return try self.chunks().filter { $0.relationId == relation.relationId }
    }

    /// Names no counters for the chunks of a table, if those of the pass may contain rows that the mark does not show as seen.
    ///
    /// Beside an open transaction, a mark cannot tell some rows that its snapshot saw from later ones. Where rows are read in
    /// slices, these rows are left to the next delta, which finds them. But the counters that were read before the mark may
    /// contain them: compared with these, nothing would seem to be left. They do not if all transactions that had begun by then
    /// are older than everything that was open at the mark.
    ///
    /// - Parameters:
    ///   - relation: The table.
    ///   - mark: The mark that its chunks have got.
    ///   - pass: The pass.
    /// - Throws: ``PostgresError``.
    package func doubtCounters(of relation: RelationEntry, at mark: Mark, pass: Int) throws {
        let counted = try counters(of: .source)[pass]?.reading
        if let counted, mark.snapshot.xmin >= counted.snapshot.xmax { return }
        try connection.execute(
            "UPDATE tidemark.chunk SET read_pass = 0 WHERE relation_id = \(value: relation.relationId)::integer"
        )
    }

    /// Removes the slices of a table.
    package func forgetSlices(of relation: Int) throws {
        try connection.execute("DELETE FROM tidemark.slice WHERE relation_id = \(value: relation)::integer")
    }

    /// Empties a table on the target whose slices do not fit together, so that its base is copied from the start.
    ///
    /// - Parameters:
    ///   - relation: The table.
    ///   - reason: Why, for the audit trail.
    /// - Throws: ``PostgresError``; ``LedgerError`` if others have written one of its rows.
    package func startOver(_ relation: RelationEntry, because reason: String) throws {
        let own = OwnRows(self)
        if relation.isShared {
            _ = try own.delete("DELETE FROM \(relation.rows) AS t WHERE \(relation.held)", of: relation.name)
        } else {
            try own.refuseOthers(inAllOf: relation.rows, of: relation.name)
            try connection.execute("TRUNCATE TABLE \(relation.rows)")
        }
        try forgetSlices(of: relation.relationId)
        try record("started over", subject: "\(relation.name): \(reason)", relation: relation.relationId)
    }
}
