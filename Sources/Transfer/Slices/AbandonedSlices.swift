/// The delta of a table cannot be copied in slices: it was changed meanwhile, or the target does not hold what the ledger says.
struct AbandonedSlices: Error {
    let reason: String
}
