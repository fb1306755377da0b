import Catalog
import Ledger
import Planning
import Postgres

/// Cuts the last chunk of tables that have grown since they were cut.
///
/// New keys are mostly greater than all others. Without this, the chunk without an upper bound would take all of them,
/// and a single worker would copy most of the delta during cutover.
struct Growth {
    private static let mostParts = 256

    let session: Session
    let source: Endpoint

    /// Cuts the last chunks that are large enough, before a pass takes its chunks.
    func cutOpenChunks() async throws {
        let chunkBytes = session.context.options.plan.chunkBytes
        let grown = session.deltaRelations.compactMap { relation -> (relation: RelationEntry, parts: Int)? in
            // New rows with scattered keys do not all fall into the last chunk.
            guard let key = relation.key, let table = session.source.table(relation.name), !key.isScattered(in: table)
            else { return nil }
            let parts = (table.tableBytes - relation.tableBytes) / chunkBytes + 1
            return parts > 1 ? (relation, min(parts, Self.mostParts)) : nil
        }
        guard !grown.isEmpty else { return }
        let chunks = try await session.control.run { try Ledger($0).chunks() }
        for (relation, parts) in grown {
            guard let key = relation.key,
                let open = chunks.first(where: { $0.relationId == relation.relationId && $0.range.upper == nil }),
                open.mark != nil, !open.isImmutable
            else { continue }
            let cuts = try await cuts(of: open, in: relation, key: key, count: parts)
            guard !cuts.isEmpty else { continue }
            let bytes = session.source.table(relation.name)?.tableBytes ?? relation.tableBytes
            _ = try await session.ledger { ledger in
                try ledger.cut(open, of: relation, key, at: cuts, tableBytes: bytes)
            }
        }
    }

    private func cuts(
        of chunk: ChunkEntry,
        in relation: RelationEntry,
        key: Key,
        count parts: Int
    ) async throws -> [[ServerText]] {
        try await Connection.with(source, purpose: session.purpose("cutting")) { connection in
            try during("cutting the last chunk of \(relation.name)") {
                try KeyDistribution(connection).cuts(chunk.range, of: relation.rows, key: key, count: parts)
            }
        }
    }
}
