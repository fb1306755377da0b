import CLibpq
import Glibc

extension Connection {
    /// Default parameters of every connection; a connection string may override them.
    ///
    /// Without keepalives a client that lost its network waits forever (measured: more than 20 s against 6 s).
    private static let defaults = [
        ("connect_timeout", "15"),
        ("keepalives", "1"),
        ("keepalives_idle", "30"),
        ("keepalives_interval", "10"),
        ("keepalives_count", "3"),
        ("tcp_user_timeout", "60000"),
    ]

    static func connect(_ endpoint: Endpoint, purpose: String) throws(PostgresError) -> OpaquePointer {
        // Later keywords win, and `dbname` is expanded in place: defaults come before it, fixed parameters after it.
        let parameters =
            defaults + [
                ("dbname", endpoint.connectionString), ("application_name", purpose), ("client_encoding", "UTF8"),
            ]
        let connection = withParameters(parameters) { PQconnectdbParams($0, $1, 1) }
        guard let connection else { throw PostgresError(.connectionFailed, "out of memory") }
        guard PQstatus(connection) == CONNECTION_OK else {
            defer { PQfinish(connection) }
            throw failure(of: connection, endpoint: endpoint)
        }
        return connection
    }

    private static func failure(of connection: OpaquePointer, endpoint: Endpoint) -> PostgresError {
        let message = redact(String(cString: PQerrorMessage(connection)).trimmingNewlines, connection)
        let told = ConnectionHint(message, side: endpoint.side)
        return PostgresError(
            .connectionFailed,
            "cannot connect to the \(endpoint.side.rawValue) (\(endpoint)): \(told.message)",
            sqlState: told.isBusy ? "53300" : nil,
            hint: told.hint
        )
    }

    private static func redact(_ message: String, _ connection: OpaquePointer) -> String {
        guard let password = PQpass(connection), password.pointee != 0 else { return message }
        return ServerText(message).replacingAll(ServerText(String(cString: password)), with: "***").string
    }

    /// Whether a server accepts connections; does not log in.
    static func ping(_ parameters: [(String, String)]) -> PGPing {
        withParameters(parameters) { PQpingParams($0, $1, 1) } ?? PQPING_NO_ATTEMPT
    }

    private static func withParameters<Result>(
        _ parameters: [(String, String)],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Result?
    ) -> Result? {
        func copies(_ strings: [String]) -> [UnsafePointer<CChar>?] {
            strings.map { UnsafePointer(strdup($0)) } + [nil]
        }
        let keywords = copies(parameters.map(\.0))
        let values = copies(parameters.map(\.1))
        defer {
            for copy in keywords + values { free(UnsafeMutablePointer(mutating: copy)) }
        }
        return keywords.withUnsafeBufferPointer { keywords in
            values.withUnsafeBufferPointer { values in
                guard let keywords = keywords.baseAddress, let values = values.baseAddress else { return nil }
                return body(keywords, values)
            }
        }
    }
}
