/// How far a run has come.
///
/// A step is entered when everything before it is committed; only `done` is ever left backwards.
public enum RunStep: String, Sendable, Codable, CaseIterable, Comparable {
    /// The ledger exists.
    case begun
    /// The target has the source's tables, without keys and indexes.
    case defined
    /// Every chunk has a base.
    case precopied
    /// The cutover's pass, the whole tables and the sequences are in.
    case dataComplete
    /// Every key and index is built. From here on foreign keys and triggers come into being: no data pass any more, it
    /// would fire cascades.
    case keysBuilt
    /// Materialized views and functions that depend on keys are made.
    case lateDefinitions
    /// Everything that the source's definitions hold is on the target.
    case postData
    /// Analysed, verified and found equal by the last cutover or restore; another one takes it back until it has found
    /// the same.
    case done

    /// Earlier steps first.
    public static func < (left: Self, right: Self) -> Bool {
        left.position < right.position
    }

    private var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
