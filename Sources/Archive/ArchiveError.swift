/// Why an archive cannot be written or will not be read.
public struct ArchiveError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of thing is wrong.
    public enum Code: String, Sendable {
        /// It is not what it says it is.
        case damaged
        /// It is of another version, or what is wanted is not in it.
        case refused
        /// The disk did not take or give it.
        case failed
    }

    /// What kind of thing is wrong.
    public let code: Code
    /// The file or folder.
    public let path: String
    /// What is wrong with it.
    public let message: String
    /// What the operator can do.
    public let hint: String?

    package init(_ code: Code, _ path: String, _ message: String, hint: String? = nil) {
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
