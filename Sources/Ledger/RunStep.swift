/// The progress of a run.
///
/// A step is recorded when everything before it is committed. `done` is taken back when a call may change the target again,
/// later steps than `precopied` when another pass over the rows begins.
package enum RunStep: String, Sendable, Codable, CaseIterable, Comparable {
    /// The ledger exists.
    case begun
    /// The target has the source's tables, without keys and indexes.
    case defined
    /// Every chunk has a base.
    case precopied
    /// The cutover's pass, the whole tables and the sequences are complete.
    case dataComplete
    /// Every key and index is built.
    ///
    /// From here on foreign keys and triggers are created. Another pass over the rows takes them off first: it would fire
    /// cascades.
    case keysBuilt
    /// Materialized views and functions that depend on keys are created.
    case lateDefinitions
    /// Everything in the source's definitions exists on the target.
    case postData
    /// The last cutover or restore has analyzed and verified the target and found it equal.
    ///
    /// Another cutover or restore takes this step back until it has found the same.
    case done

    /// Earlier steps first.
    package static func < (left: Self, right: Self) -> Bool {
        left.position < right.position
    }

    private var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
