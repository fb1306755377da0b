import CLibpq

/// One session with a server, pinned to ``SessionSettings``, used by one thread.
///
/// Not `Sendable` on purpose: it is made and used inside a ``ThreadConfined`` and cannot leave it.
package final class Connection {
    package let endpoint: Endpoint
    package private(set) var serverVersion: ServerVersion
    private(set) var pointer: OpaquePointer
    private let interrupter: Interrupter
    private var handle: CancelHandle
    private let purpose: String
    private var watched: WatchedSession?

    /// Connects and pins the session.
    ///
    /// - Parameters:
    ///   - endpoint: The server and database.
    ///   - purpose: Becomes `application_name` (63 bytes at most, the server cuts the rest).
    ///   - interrupter: Cancels this connection's statements from elsewhere.
    /// - Throws: ``PostgresError`` with `.connectionFailed`.
    package init(to endpoint: Endpoint, purpose: String, interrupter: Interrupter) throws {
        let connection = try Self.connectPatiently(endpoint, purpose: purpose, interrupter)
        self.endpoint = endpoint
        self.interrupter = interrupter
        self.purpose = purpose
        pointer = connection
        handle = CancelHandle(connection)
        serverVersion = ServerVersion(number: Int(PQserverVersion(connection)))
        try begin()
    }

    /// Puts another session in this one's place, for when this one broke: what it had open is gone.
    ///
    /// - Throws: ``PostgresError`` with `.connectionFailed`.
    package func reconnect() throws {
        let connection = try Self.connectPatiently(endpoint, purpose: purpose, interrupter)
        end()
        pointer = connection
        handle = CancelHandle(connection)
        serverVersion = ServerVersion(number: Int(PQserverVersion(connection)))
        try begin()
    }

    private func begin() throws {
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        interrupter.attach(handle)
        if let watch = endpoint.watch {
            let session = WatchedSession(pid: announcedProcessID, givesWay: endpoint.givesWay, handle: handle)
            watched = session
            watch.enter(session)
        }
        try SessionSettings.pin(on: self, side: endpoint.side)
        try takeOnRole()
    }

    private func end() {
        if let watched { endpoint.watch?.leave(watched) }
        watched = nil
        interrupter.detach(handle)
        PQfinish(pointer)
    }

    /// Executes definitions, which may run code of the user's or of an extension's.
    ///
    /// CREATE EXTENSION keeps what its script sets for the session (`postgis_topology` puts its schema on the search path):
    /// afterwards the session is as it was.
    ///
    /// - Parameter definitions: The statements.
    /// - Throws: ``PostgresError``.
    package func execute(definitions: SQL) throws {
        try execute(definitions)
        try SessionSettings.pin(on: self, side: endpoint.side, onlyDecisive: true)
    }

    deinit { end() }

    /// The server process as it named itself when the connection began; a pooler names another.
    var announcedProcessID: Int { Int(PQbackendPID(pointer)) }

    /// Says that this session keeps its locks until others have done their work.
    package func holdForOthers() { watched?.isHolder = true }

    /// Whether the work it belongs to is to stop.
    package var isStopped: Bool { endpoint.watch?.isStopped() ?? false }

    package var isBroken: Bool { PQstatus(pointer) != CONNECTION_OK }

    /// What a child process needs to reach the same database in a session like this one: everything in effect, the
    /// pinned settings included, what is secret apart.
    ///
    /// - Returns: The parameters as a connection string, and by their keywords those that must not be seen: the password,
    ///   and the one of a client's key.
    /// - Throws: ``PostgresError``.
    package func connectionParameters() throws -> (conninfo: String, secrets: [String: String]) {
        guard let options = PQconninfo(pointer) else { return ("", [:]) }
        defer { PQconninfoFree(options) }
        var values = Endpoint.values(of: options)
        var secrets: [String: String] = [:]
        for keyword in Endpoint.secrets(among: options) { secrets[keyword] = values.removeValue(forKey: keyword) }
        for own in ["application_name", "fallback_application_name", "client_encoding", "passfile"] {
            values[own] = nil
        }
        // The operator's own options may be what a proxy finds the server by; of two values the later one holds.
        values["options"] = [values["options"], try SessionSettings.options(on: self)].compactMap(\.self)
            .joined(separator: " ")
        let conninfo = values.sorted { $0.key < $1.key }.map { keyword, value in
            "\(keyword)=\(Escaping.connectionValue(value))"
        }
        return (conninfo.joined(separator: " "), secrets)
    }

    // MARK: Statements

    /// Runs a statement, or several separated by semicolons where there are no parameters, for its effect.
    ///
    /// - Parameter sql: The statement.
    /// - Returns: The number of rows its command tag tells, 0 where it tells none.
    /// - Throws: ``PostgresError``.
    @discardableResult
    package func execute(_ sql: SQL) throws -> Int {
        let result = try answer(to: sql)
        return try affectedRows(of: result)
    }

    /// Runs a query.
    ///
    /// - Parameter sql: The query.
    /// - Returns: All its rows, in memory: for catalogs and the ledger, not for tables.
    /// - Throws: ``PostgresError``.
    package func query(_ sql: SQL) throws -> [Row] {
        let result = try answer(to: sql)
        let columns = PQnfields(result.pointer)
        let names = try (0..<columns).map { try text(PQfname(result.pointer, $0)) }
        return try (0..<PQntuples(result.pointer)).map { row in
            let values: [ServerText?] = try (0..<columns).map { column in
                if PQgetisnull(result.pointer, row, column) != 0 { return nil }
                return ServerText(try text(PQgetvalue(result.pointer, row, column)))
            }
            return Row(names: names, values: values)
        }
    }

    /// Runs a query that answers exactly one row.
    ///
    /// - Parameter sql: The query.
    /// - Returns: The row.
    /// - Throws: ``PostgresError``; `.unexpectedAnswer` if there is no row, or more than one.
    package func queryOne(_ sql: SQL) throws -> Row {
        let rows = try query(sql)
        guard rows.count == 1 else {
            throw PostgresError(.unexpectedAnswer, "\(rows.count) rows came where one was expected")
        }
        return rows[0]
    }

    // MARK: Answers

    func answer(to sql: SQL) throws -> Answer {
        try refuseIfInterrupted()
        let (text, parameters) = sql.rendered
        guard !text.utf8.contains(0), !parameters.contains(where: { $0?.utf8.contains(0) == true }) else {
            throw PostgresError(.statementFailed, "a statement holds a NUL character, which PostgreSQL cannot take")
        }
        watched?.beginStatement()
        defer { watched?.endStatement(isInTransaction: PQtransactionStatus(pointer) != PQTRANS_IDLE) }
        let result: Answer
        if parameters.isEmpty {
            result = Answer(pointer: PQexec(pointer, text))
        } else {
            result = withCStrings(parameters) { values in
                Answer(pointer: PQexecParams(pointer, text, Int32(values.count), nil, values, nil, nil, 0))
            }
        }
        switch PQresultStatus(result.pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_EMPTY_QUERY: return result
        default: throw error(of: result, .statementFailed)
        }
    }

    func refuseIfInterrupted() throws {
        if interrupter.isInterrupted { throw PostgresError(.cancelled, "stopped") }
    }

    /// The error an answer tells, or the connection, where there is no answer.
    func error(of result: borrowing Answer, _ code: PostgresError.Code) -> PostgresError {
        func field(_ name: Character) -> String? {
            guard let ascii = name.asciiValue, let value = PQresultErrorField(result.pointer, Int32(ascii)) else {
                return nil
            }
            return String(cString: value)
        }
        let sqlState = field("C")
        let side = endpoint.side.rawValue
        if interrupter.isInterrupted { return PostgresError(.cancelled, "stopped", sqlState: sqlState) }
        if sqlState == "57014" || isBroken, let ending = watched?.takeEnding() { return ending }
        if isBroken {
            let reason = (field("M") ?? String(cString: PQerrorMessage(pointer)).trimmingNewlines).visible
            return PostgresError(
                .connectionLost,
                "lost the connection to the \(side): \(reason)",
                sqlState: sqlState,
                hint: "run the same command again: it goes on from what is committed"
            )
        }
        // A server repeats names and values in what it says.
        let message = (field("M") ?? String(cString: PQerrorMessage(pointer)).trimmingNewlines).visible
        let hint =
            sqlState == "22021"
            ? "the \(side) holds text that is not valid in UTF-8 (a SQL_ASCII database allows any bytes); repair it there"
            : field("H")?.visible
        return PostgresError(
            code,
            "\(side): \(message)",
            sqlState: sqlState,
            detail: field("D"),
            constraintName: field("n").map { ServerText($0) },
            hint: hint
        )
    }

    func affectedRows(of result: borrowing Answer) throws -> Int {
        guard let tuples = PQcmdTuples(result.pointer) else { return 0 }
        return Int(String(cString: tuples)) ?? 0
    }

    /// Text from libpq; a catalog of a SQL_ASCII database may hold names that are not UTF-8, and repairing one silently
    /// would name another object.
    private func text(_ bytes: UnsafePointer<CChar>?) throws -> String {
        guard let bytes else { return "" }
        guard let text = String(validatingCString: bytes) else {
            throw PostgresError(
                .unexpectedAnswer,
                "the \(endpoint.side.rawValue) sent text that is not valid UTF-8: '\(String(cString: bytes).visible)'"
            )
        }
        return text
    }

    private func withCStrings<Result: ~Copyable>(
        _ strings: [String?],
        _ body: ([UnsafePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { string in
            string.map { text in
                let bytes = text.utf8CString
                let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
                for (index, byte) in bytes.enumerated() { copy[index] = byte }
                return copy
            }
        }
        defer { for copy in copies { copy?.deallocate() } }
        return body(copies.map { $0.map { UnsafePointer($0) } })
    }
}

/// A `PGresult *`, freed when it goes out of scope.
struct Answer: ~Copyable {
    let pointer: OpaquePointer?
    deinit { PQclear(pointer) }
}

extension String {
    /// libpq ends its messages with a newline, and breaks some of them in two.
    var trimmingNewlines: String {
        utf8.split { $0 < 32 }.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }
}
