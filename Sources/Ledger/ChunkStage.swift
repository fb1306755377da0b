import Planning
package import Postgres

/// A stage of work on chunks, which decides which chunks are due.
package enum ChunkStage: Sendable, Hashable, Codable {
    /// Copies the base of chunks that have none.
    case base
    /// Sheds and loads in one step, for tables whose only unique key is the one their chunks are cut by; of one relation, or
    /// of all.
    case delta(pass: Int, relation: Int?)
    /// Only sheds, for the other tables; of one relation, or of all.
    case shed(pass: Int, snapshot: Snapshot, relation: Int?)
    /// Loads the written rows of chunks that have shed; of one relation, or of all.
    case load(pass: Int, relation: Int?)
    /// Copies everything that cutover still has to copy: bases, deltas, loads and whole tables.
    case cutover(pass: Int)

    /// The condition on `tidemark.chunk c` and `tidemark.relation r`.
    var isDue: SQL {
        switch self {
        case .base:
            """
            \(Self.isCopiedAhead) AND c.mark IS NULL AND NOT (c.is_adopted AND r.has_other_unique_keys)
            AND NOT EXISTS (SELECT FROM tidemark.slice s WHERE s.relation_id = c.relation_id)
            """
        case .delta(let pass, let relation):
            """
            \(Self.isCopiedAhead) AND c.mark IS NOT NULL AND c.pass < \(pass) AND NOT r.has_other_unique_keys
            AND \(Self.isOf(relation))
            """
        case .shed(let pass, let snapshot, let relation):
            """
            \(Self.isCopiedAhead) AND (c.mark IS NOT NULL OR c.is_adopted) AND c.pass < \(pass)
            AND r.has_other_unique_keys AND c.shed_snapshot IS DISTINCT FROM \(literal: snapshot.description) AND \(Self.isOf(relation))
            """
        case .load(let pass, let relation):
            "\(Self.isCopiedAhead) AND c.pass < \(pass) AND r.has_other_unique_keys AND \(Self.isOf(relation))"
        case .cutover(let pass): "c.pass < \(pass)"
        }
    }

    static let isCopiedAhead: SQL = "r.treatment \(Treatment.among(\.isCopiedAhead))"

    private static func isOf(_ relation: Int?) -> SQL {
        relation.map { "r.relation_id = \($0)" } ?? "true"
    }
}
