public import Postgres

/// The reason why a run cannot use this target.
public struct LedgerError: OperatorError {
    /// The kind of refusal; later versions may have more.
    public struct Code: Sendable, Hashable {
        private let word: String

        /// The target contains relations, but no ledger.
        public static let targetNotEmpty = Code(word: "targetNotEmpty")
        /// The ledger was made for another source.
        public static let otherSource = Code(word: "otherSource")
        /// A ledger is needed, but there is none.
        public static let missing = Code(word: "missing")
        /// Another client is working on the same target.
        public static let busy = Code(word: "busy")
        /// Another client has taken over the run.
        public static let fenced = Code(word: "fenced")
        /// The work that a worker process took part in is over.
        public static let withdrawn = Code(word: "withdrawn")
        /// A worker process has found no call to take part in.
        public static let noCall = Code(word: "noCall")
        /// The ledger has a version that this version of the tool does not support.
        public static let unknownVersion = Code(word: "unknownVersion")
        /// The run was begun as another role.
        public static let otherRole = Code(word: "otherRole")
        /// Others have written to the target.
        public static let targetWritten = Code(word: "targetWritten")
        /// The run is past the point at which this can be done.
        public static let tooLate = Code(word: "tooLate")
    }

    /// The kind of refusal.
    public let code: Code
    /// What is wrong, and where.
    public let message: String
    /// What the operator can do.
    public let hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}
