/// Why a file or folder on the client could not be written.
package struct FileError: OperatorError {
    /// What could not be written, and the system's reason: `No space left on device`.
    package let message: String
    /// What the operator can do.
    package let hint: String?

    init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }
}
