/// Why an archive cannot be written or is not read.
public struct ArchiveError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable {
        /// Its content does not match what it claims to be.
        case damaged
        /// It has another version, does not contain what is wanted, or is in use.
        case refused
        /// Reading or writing failed.
        case failed
    }

    /// The kind of failure.
    public let code: Code
    /// The file or folder.
    public let path: String
    /// What is wrong with it.
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
