import Planning
import Postgres

/// Restores from an archive: a chunk's `pass` is the number of the generation it is at, plus one.
extension Ledger {
    /// Claims the next chunk without a base; the claim lasts until the open transaction ends.
    package func claimForRestore() throws -> ChunkEntry? {
        try claim(where: "c.mark IS NULL").first
    }

    /// Claims the next chunk that is at an earlier generation.
    ///
    /// - Parameters:
    ///   - generation: The wanted generation.
    ///   - settled: The numbers of tables to skip because all of their chunks are restored together.
    /// - Returns: The chunk; nil if none are left to claim.
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

    /// Records that all chunks are at a generation.
    package func reach(generation: Int) throws {
        try connection.execute("UPDATE tidemark.run SET pass = \(value: generation + 1), is_pass_open = false")
    }
}
