import Catalog
import Ledger
import Planning
import Postgres

/// Makes a range of the target equal to the source's without a mark: compares fingerprints, splits what differs, and
/// copies only that.
///
/// It hashes every row on both sides and transfers only the differences. It is used when a mark is void, for example
/// because the source failed over or was restored since, and for adopted rows.
struct Reconciler {
    /// A differing range of at most this many rows is copied instead of being split further.
    private static let smallRange = 1000
    private static let parts = 10

    let lane: Lane
    let own: OwnRows
    let hash: RowHash
    /// Copies a range of the source into the target, which has no rows of it; nil: differing rows are only deleted.
    let copy: ((ChunkSource) throws -> CopyCount)?

    /// The outcome.
    struct Outcome {
        /// The number of rows on the target now.
        var rows = 0
        var copied = CopyCount.zero
        var removed = 0
        /// Whether nothing differed.
        var isEqual = true
    }

    func reconcile(_ chunk: ChunkSource, _ key: Key) throws -> Outcome {
        let source = try fingerprint(chunk, chunk.inRange, on: lane.source)
        let target = try fingerprint(chunk, held(chunk, key), on: lane.target)
        if source == target { return Outcome(rows: source.rows) }
        guard max(source.rows, target.rows) > Self.smallRange, source.rows > 0, target.rows > 0 else {
            return try replace(chunk, key)
        }
        let cuts = try KeyDistribution(lane.source).cuts(
            chunk.range,
            of: chunk.relation.rows,
            key: key,
            count: Self.parts
        )
        guard !cuts.isEmpty else { return try replace(chunk, key) }
        var outcome = Outcome()
        for part in chunk.range.cut(at: cuts) {
            let of = try reconcile(ChunkSource(lane.source, relation: chunk.relation, range: part), key)
            outcome.rows += of.rows
            outcome.copied = outcome.copied + of.copied
            outcome.removed += of.removed
            outcome.isEqual = outcome.isEqual && of.isEqual
        }
        return outcome
    }

    /// The condition that selects the chunk's rows on the target.
    private func held(_ chunk: ChunkSource, _ key: Key) -> SQL {
        "\(chunk.range.condition(on: key)) AND \(chunk.relation.held)"
    }

    private func replace(_ chunk: ChunkSource, _ key: Key) throws -> Outcome {
        let removed = try own.delete(
            "DELETE FROM \(chunk.relation.rows) AS t WHERE \(held(chunk, key))",
            of: chunk.relation.name
        )
        let copied = try copy?(chunk) ?? .zero
        return Outcome(rows: copied.rows, copied: copied, removed: removed, isEqual: false)
    }

    private struct Fingerprint: Equatable {
        let rows: Int
        let sum: String
    }

    private func fingerprint(_ chunk: ChunkSource, _ condition: SQL, on connection: Connection) throws -> Fingerprint {
        let columns = chunk.relation.definition.heldColumns
        let row = try connection.queryOne(
            """
            SELECT count(*) AS rows, coalesce(sum(\(hash.expression(columns))), 0)::text AS sum
            FROM \(chunk.relation.rows) WHERE \(condition)
            """
        )
        return Fingerprint(rows: try row.integer("rows"), sum: try row.word("sum"))
    }
}
