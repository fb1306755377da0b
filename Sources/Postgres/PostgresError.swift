/// An error from a server or from the connection to it.
///
/// `description` says what failed, where, why and what to do. It contains no password, and of row data only the keys of
/// rows that violate a key or foreign key.
public struct PostgresError: OperatorError, Hashable {
    /// The kind of failure; later versions may have more.
    public struct Code: Sendable, Hashable {
        private let word: String

        /// No connection could be made.
        public static let connectionFailed = Code(word: "connectionFailed")
        /// A connection broke while in use.
        public static let connectionLost = Code(word: "connectionLost")
        /// The server rejected a statement.
        public static let statementFailed = Code(word: "statementFailed")
        /// A COPY failed, or its two ends disagree on the number of rows.
        public static let copyFailed = Code(word: "copyFailed")
        /// The statement was cancelled because the run is being stopped.
        public static let cancelled = Code(word: "cancelled")
        /// We ended the session because another session waited for its locks.
        public static let gaveWay = Code(word: "gaveWay")
        /// We ended the session because it waited for a session that waited for another session of ours.
        public static let standstill = Code(word: "standstill")
        /// The transaction that exported a snapshot has ended, so the snapshot can no longer be imported.
        public static let snapshotLost = Code(word: "snapshotLost")
        /// The tool does not understand the server's answer.
        public static let unexpectedAnswer = Code(word: "unexpectedAnswer")
    }

    /// The kind of failure.
    public let code: Code
    /// The server's error code, if a server answered (PostgreSQL manual, appendix A).
    public let sqlState: String?
    /// The primary message.
    public let message: String
    /// The server's detail.
    ///
    /// It may contain row data and is therefore not part of `description`.
    public let detail: String?
    /// The constraint or unique index that a row violated.
    package let constraintName: ServerText?
    /// What the operator can do.
    public var hint: String?
    /// What was being done, innermost first.
    public var context: [String] = []

    package init(
        _ code: Code,
        _ message: String,
        sqlState: String? = nil,
        detail: String? = nil,
        constraintName: ServerText? = nil,
        hint: String? = nil
    ) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
        self.detail = detail
        self.constraintName = constraintName
        self.hint = hint
    }

    /// Whether the same statement may succeed on a fresh connection without any other change.
    ///
    /// From the SQLSTATE's class: 08 connection, 40 serialization and deadlock, 53300 too many connections, 55P03 lock
    /// not available, 57P01–57P03 shutdown, restart and crash of the server.
    public var isTransient: Bool {
        if code == .cancelled { return false }
        if code == .connectionLost { return true }
        guard let sqlState else { return false }
        return ["08", "40"].contains(sqlState.prefix(2))
            || ["53300", "55P03", "57P01", "57P02", "57P03"].contains(sqlState)
    }

    /// Whether the snapshot can no longer be read, so that a new one has to be taken.
    package var losesSnapshot: Bool { [.gaveWay, .snapshotLost].contains(code) }

    /// Whether the work may start over in the same call: it blocked another session, or a server was restarted.
    ///
    /// With a lost connection or a lost snapshot, every session that held something for others is lost too.
    package var letsBeginAgain: Bool {
        switch code {
        case .connectionLost, .gaveWay, .snapshotLost: true
        case .cancelled, .connectionFailed, .standstill: false
        default: sqlState.map { $0.prefix(2) == "08" || ["57P01", "57P02", "57P03"].contains($0) } ?? false
        }
    }

    /// The same error with one more activity added to its context.
    package func during(_ activity: String) -> Self {
        var copy = self
        copy.context.append(activity)
        return copy
    }

    /// The error as an operator reads it.
    public var description: String {
        var lines = [context.reversed().map { $0 + ": " }.joined() + message]
        if let sqlState { lines[0] += " (SQLSTATE \(sqlState))" }
        if let hint { lines.append("HINT: \(hint)") }
        return lines.joined(separator: "\n")
    }
}

/// Runs `body` and adds the activity to the context of any ``PostgresError`` it throws.
@discardableResult
package func during<Result>(_ activity: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as PostgresError {
        throw error.during(activity())
    }
}

extension PostgresError {
    /// Returns the same failure in words that name the rows or objects that caused it.
    ///
    /// - Parameters:
    ///   - message: What happened, and to what.
    ///   - hint: What to do.
    /// - Returns: The error, with the SQLSTATE and the context of this one.
    package func explained(_ message: String, hint: String) -> PostgresError {
        var error = PostgresError(.statementFailed, message, sqlState: sqlState, hint: hint)
        error.context = context
        return error
    }
}
