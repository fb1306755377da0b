import Planning
import Postgres

/// Rows that come from an archive: a chunk's `pass` is the number of the generation it stands at, plus one.
extension Ledger {
    /// Takes the next chunk without a base; it stays taken until the open transaction ends.
    package func claimForRestore() throws -> ChunkEntry? {
        try claim(where: "c.mark IS NULL").first
    }

    /// Takes the next chunk of a table that stands at an earlier generation.
    ///
    /// - Parameters:
    ///   - generation: The one wanted.
    ///   - settled: Tables that are brought as a whole: not among these.
    /// - Returns: The chunk; nil when none is left that nobody has taken.
    /// - Throws: ``PostgresError``.
    package func claimForRestore(before generation: Int, except settled: [Int]) throws -> ChunkEntry? {
        let others: SQL =
            settled.isEmpty
            ? "" : "AND r.relation_id NOT IN (\(settled.map { "\($0)" as SQL }.joined(separator: ", ")))"
        return try claim(where: "c.mark IS NOT NULL AND c.pass <= \(generation) \(others)").first
    }

    /// The chunks of a table, locked until the open transaction ends.
    package func lockedChunks(of relation: RelationEntry) throws -> [ChunkEntry] {
        try fence()
        try connection.execute(
            "SELECT FROM tidemark.chunk WHERE relation_id = \(value: relation.relationId)::integer FOR UPDATE"
        )
        return try chunks().filter { $0.relationId == relation.relationId }
    }

    /// Enters that all chunks stand at a generation.
    package func reach(generation: Int) throws {
        try connection.execute("UPDATE tidemark.run SET pass = \(value: generation + 1), is_pass_open = false")
    }
}
