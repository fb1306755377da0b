import Ledger
import Planning
import Postgres

/// The rule of the delta: which rows may have been written since a mark.
///
/// It selects a superset of the rows inserted or updated since then, never fewer. A row's `xmin` is the (sub)transaction
/// that wrote it. A transaction that the mark's snapshot did not see has an id at or above the snapshot's xmin: it was in
/// flight then or began later, and a subtransaction's id is above its parent's. `age()` compares ids on their 32-bit
/// circle (PostgreSQL manual 25.1.5), so no epoch matters within 2^31 transactions. Comparing ids as numbers,
/// `id > max(id)`, timestamps and `pg_visible_in_snapshot()` all lose rows.
///
/// Deleted rows leave no `xmin`: they are found by counting the rows that were not written (``Shedder``).
///
/// Verification has a rule of its own, `ProofRule`, on purpose: a row that the copier misses must not be missed by the
/// verifier too.
enum DeltaRule {
    /// The condition that selects these rows.
    static func isWritten(since mark: Mark) -> SQL {
        let oldest = UInt32(truncatingIfNeeded: mark.snapshot.xmin)
        return "pg_catalog.age(xmin) <= pg_catalog.age(\(literal: String(oldest))::pg_catalog.xid)"
    }
}
