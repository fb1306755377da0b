/// The reason why a run cannot use this target.
public struct LedgerError: Error, Sendable, CustomStringConvertible {
    /// The kind of refusal.
    public enum Code: Sendable, Hashable {
        /// The target contains relations, but no ledger.
        case targetNotEmpty
        /// The ledger was made for another source.
        case otherSource
        /// A ledger is needed, but there is none.
        case missing
        /// Another client is working on the same target.
        case busy
        /// Another client has taken over the run.
        case fenced
        /// The ledger has a version that this version of the tool does not support.
        case unknownVersion
        /// The run was begun as another role.
        case otherRole
        /// The run is past the point at which this can be done.
        case tooLate
    }

    /// The kind of refusal.
    public let code: Code
    /// What is wrong, where, and what to do about it.
    public let description: String

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        description = hint.map { "\(message)\nHINT: \($0)" } ?? message
    }
}
