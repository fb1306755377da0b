public import Postgres

/// Why an archive cannot be written or is not read.
public struct ArchiveError: OperatorError, Hashable {
    /// The kind of failure; later versions may have more.
    public struct Code: Sendable, Hashable {
        private let word: String

        /// Its content does not match what it claims to be.
        public static let damaged = Code(word: "damaged")
        /// It has another version, does not contain what is wanted, or is in use.
        public static let refused = Code(word: "refused")
        /// Reading or writing failed.
        public static let failed = Code(word: "failed")
    }

    /// The kind of failure.
    public let code: Code
    /// The file or folder.
    public let path: String
    /// What is wrong with it; without the path.
    public let message: String
    /// What the operator can do.
    public let hint: String?

    package init(_ code: Code, at path: String, _ message: String, hint: String? = nil) {
        self.code = code
        self.path = path
        self.message = message
        self.hint = hint
    }

    /// The error as an operator reads it.
    public var description: String {
        "\(path): \(message)" + (hint.map { "\nHINT: \($0)" } ?? "")
    }
}
