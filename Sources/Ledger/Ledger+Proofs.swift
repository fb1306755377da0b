package import Planning
package import Postgres

/// Proofs of chunks made ahead of cutover.
extension Ledger {
    /// Proofs of chunks, by table and range.
    package typealias Proofs = [QualifiedName: [KeyRange: ChunkProof]]

    /// The proofs of chunks whose rows were found equal.
    package func proofs() throws -> Proofs {
        Self.proofs(of: try relations(), try chunks())
    }

    /// The same from relations and chunks already read.
    package static func proofs(of relations: [RelationEntry], _ chunks: [ChunkEntry])
        -> Proofs
    {
        let names = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0.name) })
        var proofs: [QualifiedName: [KeyRange: ChunkProof]] = [:]
        for chunk in chunks {
            guard let name = names[chunk.relationId], let proof = chunk.proof else { continue }
            proofs[name, default: [:]][chunk.range] = proof
        }
        return proofs
    }

    /// Claims the next chunk with unproven rows that was not tried in this pass; the claim lasts until the open
    /// transaction ends.
    package func claimForProof(pass: Int) throws -> ChunkEntry? {
        try claim(
            where: """
                \(ChunkStage.isCopiedAhead) AND c.mark IS NOT NULL AND c.written_rows IS NULL
                AND ((c.proof ->> 'rows')::bigint IS DISTINCT FROM c.rows OR c.proof ? 'isReduced') AND c.proof_pass < \(pass)
                """,
            inOrderOf: "c.proof_pass, c.relation_id, c.chunk_number"
        ).first
    }

    /// Records that a chunk's rows are the same on both sides.
    package func prove(_ chunk: ChunkEntry, by proof: ChunkProof, pass: Int) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk SET proof = \(value: try Self.json(proof))::jsonb, proof_pass = \(value: pass)
            WHERE \(isChunk(chunk))
            """
        )
    }

    /// Records that a chunk cannot be proven in this pass.
    package func passOverProof(of chunk: ChunkEntry, pass: Int) throws {
        try connection.execute("UPDATE tidemark.chunk SET proof_pass = \(value: pass) WHERE \(isChunk(chunk))")
    }

    /// Records that the target's rows of a chunk are unknown, so that the next pass compares them.
    package func distrust(_ chunk: ChunkEntry, pass: Int) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk
            SET mark = NULL, is_adopted = true, proof = NULL, proof_pass = \(value: pass), shed_snapshot = NULL, written_rows = NULL
            WHERE \(isChunk(chunk))
            """
        )
    }
}
