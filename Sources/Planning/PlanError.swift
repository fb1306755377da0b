public import Postgres

/// The reason why no plan can be made.
public struct PlanError: OperatorError {
    /// What has to be corrected; later versions may have more.
    public struct Code: Sendable, Hashable {
        private let word: String

        /// The options name something that does not exist or cannot be done.
        public static let usage = Code(word: "usage")
        /// The state of a database does not allow it.
        public static let refused = Code(word: "refused")
    }

    /// What has to be corrected: the call, or something in a database.
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
