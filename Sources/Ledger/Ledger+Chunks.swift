package import Planning
package import Postgres

extension Ledger {
    /// The maximum number of small tables claimed at once.
    package static let smallTogether = 50

    /// The order of `chunk_due`; larger tables have smaller numbers, by their size when they were entered.
    static let dueOrder: SQL =
        "c.pass, c.relation_id, (CASE WHEN c.mark IS NULL THEN c.chunk_number ELSE -c.chunk_number END)"

    /// Claims the next chunk that is due, the largest tables' first; the claim lasts until the open transaction ends.
    ///
    /// Workers of any number of processes may claim at once: claimed rows are skipped, not waited for. Small tables that
    /// are copied whole are claimed several at a time: with thousands of them, transactions would cost more than rows.
    ///
    /// - Parameters:
    ///   - stage: The stage of work.
    ///   - tables: Tables to skip for now.
    ///   - others: How many other small tables to claim with a chunk.
    /// - Returns: The chunks; empty if none are left to claim.
    /// - Throws: ``PostgresError``.
    package func claim(
        _ stage: ChunkStage,
        passingOver tables: [QualifiedName] = [],
        together others: (ChunkEntry) -> Int = { _ in 0 }
    ) throws -> [ChunkEntry] {
        let isDue: SQL = "\(stage.isDue) \(Self.isNone(of: tables, "r"))"
        guard let first = try claim(where: isDue).first else { return [] }
        let count = others(first)
        guard case .cutover = stage, count > 0 else { return [first] }
        // SKIP LOCKED does not skip rows that this transaction itself has locked.
        let isAnother: SQL = "c.relation_id <> \(first.relationId)"
        return try [first]
            + claim(
                where: "\(isDue) AND \(Self.isSmallAndWhole) AND \(isAnother)",
                atMost: count
            )
    }

    /// A condition, beginning with AND, that leaves tables out.
    static func isNone(of tables: [QualifiedName], _ alias: SQL) -> SQL {
        guard !tables.isEmpty else { return "" }
        let names = tables.map { "(\(literal: $0.schema), \(literal: $0.name))" as SQL }.joined(separator: ", ")
        return "AND (\(alias).schema_name, \(alias).table_name) NOT IN (\(names))"
    }

    private static let isSmallAndWhole: SQL =
        "r.treatment \(Treatment.among(\.isCopiedWhole)) AND r.table_bytes <= \(TablePlan.smallBytes)"

    /// Claims chunks; the claim lasts until the open transaction ends.
    ///
    /// - Parameters:
    ///   - isDue: A condition on `tidemark.chunk c` and `tidemark.relation r`; it should exclude finished chunks by the
    ///     first column of the order.
    ///   - order: The order of an index.
    ///   - count: The maximum number of chunks.
    /// - Returns: The chunks, by table; empty if none are left to claim.
    /// - Throws: ``PostgresError``.
    func claim(where isDue: SQL, inOrderOf order: SQL = Ledger.dueOrder, atMost count: Int = 1) throws -> [ChunkEntry] {
        try fence()
        return try connection.query(
            ChunkEntry.self,
            """
            WITH claimed AS MATERIALIZED (
                SELECT \(Self.chunkColumns) FROM tidemark.chunk c JOIN tidemark.relation r USING (relation_id)
                WHERE \(isDue)
                ORDER BY \(order)
                FOR UPDATE OF c SKIP LOCKED LIMIT \(count))
            SELECT * FROM claimed ORDER BY relation_id, chunk_number
            """
        )
    }

    /// Records that a chunk has shed the rows that changed up to a snapshot.
    ///
    /// It keeps its old mark and has fewer rows.
    package func shed(_ chunk: ChunkEntry, rows: Int, written: Int, snapshot: Snapshot) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk c
            SET rows = \(value: rows), written_rows = \(value: written), shed_snapshot = \(value: snapshot.description),
                deleted_rows = c.deleted_rows + \(value: chunk.rows - rows)::bigint,
                proof = \((rows == chunk.rows ? ChunkProof.Fate.stands : .reduced).sql),
                transaction_id = pg_catalog.txid_current(), changed_at = pg_catalog.clock_timestamp()
            WHERE \(isChunk(chunk))
            """
        )
    }

    /// Records rows that were deleted from a chunk, or added to it, while it keeps its mark.
    ///
    /// - Parameters:
    ///   - chunk: The chunk.
    ///   - copied: What was added.
    ///   - removed: The number of rows deleted.
    /// - Throws: ``PostgresError``.
    package func amend(_ chunk: ChunkEntry, copied: CopyCount = .zero, removed: Int = 0) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk c
            SET rows = c.rows + \(value: copied.rows - removed)::bigint, bytes = c.bytes + \(value: copied.bytes)::bigint,
                inserted_rows = c.inserted_rows + \(value: copied.rows)::bigint,
                deleted_rows = c.deleted_rows + \(value: removed)::bigint,
                proof = \((removed == 0 ? ChunkProof.Fate.stands : .reduced).sql), shed_snapshot = NULL, written_rows = NULL,
                transaction_id = pg_catalog.txid_current(), changed_at = pg_catalog.clock_timestamp()
            WHERE \(isChunk(chunk))
            """
        )
    }

    /// Records that a chunk has shed the rows that a comparison in this snapshot found to differ.
    ///
    /// The remaining rows are correct, but the chunk has no mark: it has to be compared again before it gets one.
    package func shedByComparison(_ chunk: ChunkEntry, rows: Int, removed: Int, snapshot: Snapshot) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk
            SET deleted_rows = deleted_rows + \(value: removed)::bigint, mark = NULL, is_adopted = true, rows = \(value: rows), written_rows = NULL, proof = NULL,
                shed_snapshot = \(value: snapshot.description),
                transaction_id = pg_catalog.txid_current(), changed_at = pg_catalog.clock_timestamp()
            WHERE \(isChunk(chunk))
            """
        )
    }

    /// Cuts a chunk into several with the same mark.
    ///
    /// The target's rows in each part are counted. If the total does not match the ledger, the chunk is not cut, because
    /// it has to be compared.
    ///
    /// - Parameters:
    ///   - chunk: The chunk.
    ///   - relation: Its table.
    ///   - key: The table's key.
    ///   - cuts: Keys within the chunk, ascending.
    ///   - tableBytes: The size of the source's table for which the cuts were found.
    /// - Returns: The numbers of the parts; none if it was not cut.
    /// - Throws: ``PostgresError``.
    @discardableResult
    package func cut(
        _ chunk: ChunkEntry,
        of relation: RelationEntry,
        _ key: Key,
        at cuts: [[ServerText]],
        tableBytes: Int
    ) throws -> [Int] {
        let parts = try chunk.range.cut(at: cuts).map { range in
            let rows = try connection.queryOne(
                "SELECT count(*) AS rows FROM \(relation.rows) WHERE \(range.condition(on: key)) AND \(relation.held)"
            ).integer("rows")
            return (range: range, rows: rows)
        }
        guard parts.reduce(0, { $0 + $1.rows }) == chunk.rows else { return [] }
        try numberAlone(relation.relationId)
        var numbers = [chunk.chunkNumber]
        for (index, part) in parts.enumerated() {
            let range = try Self.json(part.range)
            guard index > 0 else {
                try connection.execute(
                    """
                    UPDATE tidemark.chunk
                    SET range = \(value: range)::jsonb, is_part = true, rows = \(value: part.rows), shed_snapshot = NULL, written_rows = NULL,
                        proof = NULL
                    WHERE \(isChunk(chunk))
                    """
                )
                continue
            }
            numbers.append(
                try connection.queryOne(
                    """
                    INSERT INTO tidemark.chunk (relation_id, chunk_number, range, is_immutable, is_part, mark, pass, read_pass, rows)
                    SELECT c.relation_id,
                           (SELECT max(chunk_number) FROM tidemark.chunk WHERE relation_id = c.relation_id) + 1,
                           \(value: range)::jsonb, c.is_immutable, true, c.mark, c.pass, c.read_pass, \(value: part.rows)::bigint
                    FROM tidemark.chunk c WHERE \(isChunk(chunk))
                    RETURNING chunk_number
                    """
                ).integer("chunk_number")
            )
        }
        try connection.execute(
            """
            UPDATE tidemark.relation SET table_bytes = \(value: tableBytes)
            WHERE relation_id = \(value: relation.relationId)
            """
        )
        try record(
            "cut",
            subject: "\(relation.name) into \(parts.count - 1) chunks more",
            relation: relation.relationId
        )
        return numbers
    }

    /// Makes all chunks of a table due again if any is due: they need one common snapshot, and the earlier one no longer
    /// exists.
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

    /// Keeps other workers from giving new numbers to parts of a table until the open transaction ends.
    func numberAlone(_ relation: Int) throws {
        try connection.execute(
            "SELECT FROM tidemark.relation WHERE relation_id = \(value: relation)::integer FOR NO KEY UPDATE"
        )
    }

    func isChunk(_ chunk: ChunkEntry) -> SQL {
        "relation_id = \(value: chunk.relationId) AND chunk_number = \(value: chunk.chunkNumber)"
    }
}
