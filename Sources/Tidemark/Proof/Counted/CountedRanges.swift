import Catalog
import Ledger
import Planning
import Postgres
import Verification

/// The ranges whose proofs made ahead stand by the counters of both servers.
struct CountedRanges: Sendable {
    let session: Session
    let source: CountedSource

    /// Finds them; the target's snapshot must have been taken.
    ///
    /// - Parameters:
    ///   - ranges: All ranges, with their proofs.
    ///   - target: What the target contains.
    ///   - pairs: Connections that read both snapshots.
    /// - Returns: The ranges, by table.
    /// - Throws: ``PostgresError``.
    func standing(
        among ranges: [ComparedRange],
        on target: DatabaseCatalog,
        with pairs: SnapshotPairs
    ) async throws -> [QualifiedName: UnreadRanges.Counted] {
        guard !source.untouched.isEmpty else { return [:] }
        let counted = try await CountedTarget.read(session, target) { [session] in session.context.note($0) }
        if let obstacle = counted.obstacle {
            session.context.note("rows of the target are read, because \(obstacle)")
            return [:]
        }
        let chunks = Dictionary(grouping: try await session.control.run { try Ledger($0).chunks() }, by: \.relationId)
        let proven = Dictionary(grouping: ranges.filter { $0.provenRows != nil }, by: \.table)
        var standing: [QualifiedName: UnreadRanges.Counted] = [:]
        for relation in session.copiedRelations {
            guard let untouched = source.untouched[relation.relationId], let since = source.since[relation.relationId],
                let compared = proven[relation.name]
            else { continue }
            let whole = (chunks[relation.relationId] ?? []).filter { chunk in
                untouched.contains(chunk.chunkNumber) && chunk.proof?.rows == chunk.rows
                    && chunk.proof?.pass.map { counted.stands($0, of: relation.relationId) } == true
            }
            let wanted = Set(whole.map(\.range))
            let found = Set(compared.map(\.range).filter(wanted.contains))
            if !found.isEmpty { standing[relation.name] = UnreadRanges.Counted(ranges: found, since: since) }
        }
        // Columns and types may have another meaning since, on either side.
        let (names, ofRanges) = (standing.keys.sorted(), Dictionary(grouping: ranges, by: \.table))
        let meanTheSame = try await pairs.one { pair in
            try pair.statesHold(of: names) { ofRanges[$0] ?? [] }
        }
        return standing.filter { meanTheSame.contains($0.key) }
    }
}
