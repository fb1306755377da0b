/// Why a server, or the way to it, failed us.
///
/// `description` tells what, where, why and what to do. It holds no password, and of the rows nothing but the keys of
/// those that stand in the way of a key or foreign key.
public struct PostgresError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of thing failed.
    public enum Code: String, Sendable, Hashable, Codable {
        /// No connection could be made.
        case connectionFailed
        /// A connection broke while in use.
        case connectionLost
        /// The server rejected a statement.
        case statementFailed
        /// A COPY ended with an error, or its two ends disagree on the number of rows.
        case copyFailed
        /// The statement was cancelled because the run is being stopped.
        case cancelled
        /// Ended by ourselves: somebody else waited for what the session held.
        case gaveWay
        /// Ended by ourselves: it waited for somebody who waited for another session of ours.
        case standstill
        /// The transaction that exported a snapshot has ended, so that nobody can read in it any more.
        case snapshotLost
        /// The server answered with something the tool does not understand.
        case unexpectedAnswer
    }

    /// What kind of thing failed.
    public let code: Code
    /// The server's error code, where a server answered (PostgreSQL manual, appendix A).
    public let sqlState: String?
    /// The primary message.
    public let message: String
    /// The server's detail.
    ///
    /// It may hold row data and is therefore not part of `description`.
    public let detail: String?
    /// The constraint, or unique index, that refused a row.
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

    /// Whether the same thing may succeed on a fresh connection, without anybody changing anything.
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

    /// Whether a snapshot cannot be read any more: it is to be taken again.
    package var losesSnapshot: Bool { [.gaveWay, .snapshotLost].contains(code) }

    /// Whether the work may begin again in the same call: it was in somebody's way, or a server was restarted.
    ///
    /// A lost connection and a lost snapshot take every session with them that held something for others.
    package var letsBeginAgain: Bool {
        switch code {
        case .connectionLost, .gaveWay, .snapshotLost: true
        case .cancelled, .connectionFailed, .standstill: false
        default: sqlState.map { $0.prefix(2) == "08" || ["57P01", "57P02", "57P03"].contains($0) } ?? false
        }
    }

    /// The same error, with what was being done added to its story.
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

/// Runs `body`; a ``PostgresError`` it throws is told with what was being done.
@discardableResult
package func during<Result>(_ activity: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as PostgresError {
        throw error.during(activity())
    }
}
