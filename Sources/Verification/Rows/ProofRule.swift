import Planning
import Postgres

/// The rule of the proof: which rows a proof made at a mark does not cover.
///
/// It selects rows of transactions that the mark's snapshot may not have seen: those at or after its oldest open one on
/// the circle of 32-bit ids (PostgreSQL manual 25.1.5). All other rows are among those that were found equal.
///
/// The copier has the same rule, `DeltaRule`, in words of its own. They are two on purpose: a row that one misses must
/// not be missed by the other.
enum ProofRule {
    /// The condition that selects these rows.
    static func isWritten(since mark: Mark) -> SQL {
        let oldest = UInt32(truncatingIfNeeded: mark.snapshot.xmin)
        return "NOT pg_catalog.age(xmin) > pg_catalog.age('\(Int(oldest))'::pg_catalog.xid)"
    }
}
