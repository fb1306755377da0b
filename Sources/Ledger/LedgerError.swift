/// Why a run cannot use this target.
public struct LedgerError: Error, Sendable, CustomStringConvertible {
    /// The kind of refusal.
    public enum Code: Sendable, Hashable {
        /// The target holds relations and no ledger says that they are ours.
        case targetNotEmpty
        /// The ledger tells of another source.
        case otherSource
        /// There is no ledger where one is needed.
        case missing
        /// Another client is at work on the same target.
        case busy
        /// Another client has taken over since.
        case fenced
        /// The ledger was written by a version of the tool that this one does not know.
        case unknownVersion
        /// The run was begun as another role.
        case otherRole
        /// The run is past the point at which this can be done.
        case tooLate
    }

    /// The kind.
    public let code: Code
    /// What is wrong, where, and what to do.
    public let description: String

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        description = hint.map { "\(message)\nHINT: \($0)" } ?? message
    }
}
