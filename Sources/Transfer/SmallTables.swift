import Catalog
import Ledger
import Planning
import Postgres

/// Copies several small tables whole, in a few round trips.
struct SmallTables {
    let lane: Lane
    let own: OwnRows
    let context: PassContext
    let progress: TransferProgress
    let tables: [(chunk: ChunkEntry, relation: RelationEntry)]
    /// The tables' marks in the snapshot that is read, by their numbers.
    let marks: [Int: Mark]
    /// The tables that have no page on the target, by their numbers.
    let empty: Set<Int>

    /// Replaces the rows of all tables, inside the open transactions.
    ///
    /// - Returns: What was done with each.
    /// - Throws: ``PostgresError``.
    func copy() throws -> [ChunkStep.Result] {
        let deleted = try emptyAll()
        let copies = tables.map { chunk, relation in
            let columns: SQL = relation.columns.isEmpty ? "" : " (\(relation.columns.commaSeparated))"
            return RelayedCopy(
                "\(relation.name) chunk \(chunk.chunkNumber) \(chunk.range)",
                from: ChunkSource(lane.source, relation: relation, range: chunk.range).allRows,
                to: "COPY \(relation.name)\(columns) FROM STDIN \(relation.format.clause)"
            )
        }
        let counts = try lane.source.relay(together: copies, to: lane.target, progress: progress.addBytes)
        return try zip(tables, counts).map { table, copied in
            guard let mark = marks[table.relation.relationId] else {
                throw PostgresError(.unexpectedAnswer, "the source did not return the state of \(table.relation.name)")
            }
            return ChunkStep.Result(
                outcome: ChunkOutcome(kind: .whole, copied: copied, removed: table.chunk.rows),
                completion: Ledger.Completion(
                    table.chunk,
                    mark: mark,
                    pass: context.pass,
                    rows: copied.rows,
                    bytes: table.chunk.bytes + copied.bytes,
                    inserted: copied.rows,
                    deleted: deleted[table.relation.relationId] ?? 0,
                    proof: .void
                )
            )
        }
    }

    /// Removes the rows of tables that have some.
    ///
    /// - Returns: The rows that the server counts as deleted, by the tables' numbers: it does not count TRUNCATE.
    private func emptyAll() throws -> [Int: Int] {
        let filled = tables.map(\.relation).filter { !empty.contains($0.relationId) }
        guard !filled.isEmpty else { return [:] }
        // TRUNCATE is refused for a table that others refer to (manual, TRUNCATE).
        let isReferenced: (RelationEntry) -> SQL = { relation in
            """
            EXISTS (SELECT FROM pg_catalog.pg_constraint
                    WHERE contype = 'f' AND confrelid <> conrelid
                      AND confrelid = \(literal: relation.name.quoted)::pg_catalog.regclass)
            """
        }
        let looks = try lane.target.together(
            filled.map { relation in
                """
                SELECT EXISTS (SELECT FROM \(relation.rows) WHERE \(relation.held)) AS is_filled,
                       \(context.keepsForeignKeys ? isReferenced(relation) : "false") AS is_referenced
                """
            }
        )
        var truncated: [RelationEntry] = []
        var deleted: [Int: Int] = [:]
        for (relation, look) in zip(filled, looks) {
            guard let row = look.rows.first, try row.boolean("is_filled") else { continue }
            if try relation.isShared || row.boolean("is_referenced") {
                let deletion: SQL = "DELETE FROM \(relation.rows) AS t WHERE \(relation.held)"
                deleted[relation.relationId] = try own.delete(deletion, of: relation.name)
            } else {
                truncated.append(relation)
            }
        }
        try truncate(truncated)
        return deleted
    }

    /// Truncates tables that nobody else has written to.
    private func truncate(_ relations: [RelationEntry]) throws {
        // Locked before their rows are counted: nobody can add one afterwards.
        let counts = try lane.target.together(
            relations.flatMap { relation in
                [
                    "LOCK TABLE \(relation.rows) IN ACCESS EXCLUSIVE MODE",
                    own.countOthers(in: "\(relation.rows) AS t"),
                ]
            }
        ).compactMap(\.rows.first)
        for (relation, counted) in zip(relations, counts) { try own.refuseOthers(counted, of: relation.name) }
        try lane.target.together(relations.map { "TRUNCATE TABLE \($0.rows)" })
    }
}
