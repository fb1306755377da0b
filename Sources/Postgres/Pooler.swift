import CLibpq
import Glibc

/// A connection pooler between us and the server, such as PgBouncer.
///
/// Snapshots, locks and settings belong to a session of the server. A pool that keeps one for each client (session pooling) is as
/// good as the server itself; one that lends sessions to transactions or statements is not.
struct Pooler {
    /// How long an answer may take; a pool without a free session makes clients wait.
    private static let patienceInMilliseconds: Int32 = 3000
    /// A busy pool may have lent the session to another client at the moment we look.
    private static let looks = 5

    private let side: Endpoint.Side
    private let endpoint: Endpoint

    init(of endpoint: Endpoint) {
        self.endpoint = endpoint
        side = endpoint.side
    }

    /// Refuses a pool in which our sessions change.
    ///
    /// While another client of ours holds a session of the server, an idle client of a transaction pool comes to a session of
    /// another process.
    ///
    /// - Parameters:
    ///   - connection: Our session, outside a transaction.
    ///   - process: Its server process.
    /// - Throws: ``PostgresError`` with `.connectionFailed`.
    func refuseSharedSessions(of connection: OpaquePointer, in process: Int) throws {
        let other = try Connection.connect(endpoint, purpose: "tidemark pooler")
        defer { PQfinish(other) }
        for _ in 0..<Self.looks {
            switch Self.process(of: other, after: "BEGIN; ") {
            // A busy pool of any kind: settings must not be changed in a session that may serve others.
            case .none: throw refusal("has no second session free, so it cannot be seen how it lends them")
            case .refused: throw refusal("refuses transactions (statement pooling)")
            case .answer: break
            }
            guard case .answer(process) = Self.process(of: connection, after: "") else {
                throw refusal("gives each transaction another session of the server (transaction pooling)")
            }
            guard case .answer = Self.process(of: other, after: "ROLLBACK; ") else {
                throw refusal("took a session away in the middle of a transaction")
            }
        }
    }

    /// The error for a session whose server process changed.
    func refusal(_ reason: String) -> PostgresError {
        PostgresError(
            .connectionFailed,
            "the connection pooler between tidemark and the \(side.rawValue) \(reason)",
            hint:
                "connect to PostgreSQL itself, or to a pool that keeps a session for each client (pool_mode = session): "
                + "snapshots, locks and settings must stay with one server process"
        )
    }

    private enum Reply {
        case answer(Int)
        case refused
    }

    /// Asks for the server process; nil if there is no answer in time.
    private static func process(of connection: OpaquePointer, after statement: String) -> Reply? {
        guard PQsendQuery(connection, statement + "SELECT pg_catalog.pg_backend_pid()") == 1 else { return .refused }
        var reply: Reply?
        while true {
            while PQisBusy(connection) == 1 {
                var end = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
                guard poll(&end, 1, patienceInMilliseconds) > 0 else { return nil }
                guard PQconsumeInput(connection) == 1 else { return .refused }
            }
            guard let result = PQgetResult(connection) else { return reply }
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK: reply = Int(String(cString: PQgetvalue(result, 0, 0))).map { .answer($0) }
            case PGRES_COMMAND_OK: break
            default: reply = .refused
            }
        }
    }
}
