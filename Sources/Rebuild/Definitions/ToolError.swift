public import Postgres

/// Why `pg_dump` or `pg_restore` failed or cannot be used.
public struct ToolError: OperatorError {
    /// What is wrong, and where.
    public let message: String
    /// What the operator can do.
    public let hint: String?
    /// Whether a tool lost its connection or could not connect.
    package var isLossOfServer = false

    init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }
}
