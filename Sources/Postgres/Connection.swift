import CLibpq

/// One session with a server, pinned to ``SessionSettings``, used by one thread.
///
/// Not `Sendable` on purpose: it is created and used inside a ``ThreadConfined`` and cannot leave it.
package final class Connection {
    package let endpoint: Endpoint
    package private(set) var serverVersion: ServerVersion
    private(set) var pointer: OpaquePointer
    private let interrupter: Interrupter
    private var handle: CancelHandle
    private let purpose: String
    private(set) var watched: WatchedSession?
    /// The server process of this session.
    private(set) var process = 0
    /// Statements that are sent with the next one, in the same round trip.
    var pending: [SQL] = []
    /// Queries whose answers are read before they are asked for.
    var ahead: ReadAhead?
    /// Whether another user of this call may have the session afterwards.
    private var isReusable = true

    /// Connects and pins the session's settings.
    ///
    /// - Parameters:
    ///   - endpoint: The server and database.
    ///   - purpose: Becomes `application_name` (at most 63 bytes, the server truncates the rest).
    ///   - interrupter: Cancels this connection's statements from elsewhere.
    /// - Throws: ``PostgresError`` with `.connectionFailed`.
    package init(to endpoint: Endpoint, purpose: String, interrupter: Interrupter) throws {
        let idle = endpoint.watch?.idle.take()
        let connection = try idle?.pointer ?? Self.connectPatiently(endpoint, purpose: purpose, interrupter)
        self.endpoint = endpoint
        self.interrupter = interrupter
        self.purpose = purpose
        pointer = connection
        handle = CancelHandle(connection)
        serverVersion = ServerVersion(number: Int(PQserverVersion(connection)))
        enter()
        if idle == nil {
            try setUp()
        } else if (try? setUpAgain()) == nil {
            // Its server may have restarted in the meantime, or its role may have been dropped.
            isReusable = false
            try reconnect()
        }
    }

    /// Replaces a broken session with a new one; transactions and other state of the old session are lost.
    ///
    /// - Throws: ``PostgresError`` with `.connectionFailed`.
    package func reconnect() throws {
        let connection = try Self.connectPatiently(endpoint, purpose: purpose, interrupter)
        end()
        pointer = connection
        handle = CancelHandle(connection)
        serverVersion = ServerVersion(number: Int(PQserverVersion(connection)))
        isReusable = true
        enter()
        try setUp()
    }

    private func enter() {
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        interrupter.attach(handle)
        process = announcedProcess
        watchProcess()
    }

    private func watchProcess() {
        guard let watch = endpoint.watch else { return }
        if let watched { watch.leave(watched) }
        let session = WatchedSession(pid: process, givesWay: endpoint.givesWay, handle: handle)
        watched = session
        watch.enter(session)
    }

    /// Accepts the server process that has answered, which must then stay the same.
    ///
    /// - Parameter answering: The process.
    /// - Returns: Whether it is another one than was known.
    /// - Throws: ``PostgresError`` if a pooler lends sessions to transactions.
    func accept(process answering: Int) throws -> Bool {
        guard answering != process else { return false }
        let pooler = Pooler(of: endpoint)
        // What a pooler announces is its own.
        guard process == announcedProcess, PQtransactionStatus(pointer) == PQTRANS_IDLE else {
            throw pooler.refusal("gave this session another server process")
        }
        try pooler.refuseSharedSessions(of: pointer, in: answering)
        process = answering
        watchProcess()
        return true
    }

    private func setUp() throws {
        try SessionSettings.pin(on: self, to: endpoint)
        try takeOnRole()
    }

    /// Sets up a session that was used before, in one round trip.
    ///
    /// On the target it first hands in the counts of rows that it wrote for others: the counters are evidence.
    private func setUpAgain() throws {
        while let answer = PQgetResult(pointer) { PQclear(answer) }
        var groups: [[SQL]] = [
            ["DISCARD ALL"], [SessionSettings.pins(of: endpoint, in: process)],
            ["SELECT pg_catalog.set_config('application_name', \(literal: purpose), false)"],
        ]
        if let role = endpoint.role { groups.append(["SET ROLE \(Identifier(ServerText(role)))"]) }
        if endpoint.side == .target, serverVersion.major >= 15 {
            groups.append(["SELECT pg_catalog.pg_stat_force_next_flush()"])
        }
        let answers = try pipeline(groups).map { try $0.answers() }
        try SessionSettings.verify(answers[1][0].rows, on: self)
    }

    private func end() {
        if let watched { endpoint.watch?.leave(watched) }
        watched = nil
        // No cancel request is on its way afterwards.
        interrupter.detach(handle)
        guard isReusable, leavesTransaction, !isBroken, !handle.isUsed, let idle = endpoint.watch?.idle,
            idle.keep(IdleSession(pointer: pointer))
        else { return PQfinish(pointer) }
    }

    /// Ends a transaction that is still open; the next user reads the answer.
    ///
    /// - Returns: Whether none is open, or it is being ended.
    private var leavesTransaction: Bool {
        guard PQpipelineStatus(pointer) == PQ_PIPELINE_OFF else { return false }
        return switch PQtransactionStatus(pointer) {
        case PQTRANS_IDLE: true
        case PQTRANS_INTRANS, PQTRANS_INERROR: PQsendQuery(pointer, "ROLLBACK") == 1
        default: false
        }
    }

    /// Executes definitions, which may run code of users or extensions, and pins the settings again.
    ///
    /// What an extension's script sets stays set after CREATE EXTENSION (`postgis_topology` adds its schema to the search
    /// path).
    ///
    /// - Parameter definitions: The statements.
    /// - Throws: ``PostgresError``.
    package func execute(definitions: SQL) throws {
        try execute(definitions)
        try SessionSettings.pin(on: self, to: endpoint, onlyDecisive: true)
    }

    deinit { end() }

    /// The server process as announced when the connection began; a pooler announces a different one.
    private var announcedProcess: Int { Int(PQbackendPID(pointer)) }

    /// Marks this session as one that keeps its locks until other sessions have done their work.
    package func holdForOthers() { watched?.isHolder = true }

    /// Whether a stop was requested for the work this session belongs to.
    package var isStopped: Bool { endpoint.watch?.stop.isRequested ?? false }

    package var isBroken: Bool { PQstatus(pointer) != CONNECTION_OK }

    /// What a child process needs to open a session like this one: all parameters in effect, including the pinned
    /// settings, with secrets separate.
    ///
    /// - Returns: The parameters as a connection string, and the secrets by keyword: the password and the passphrase of a
    ///   client key.
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
        // A proxy may find the server by the operator's own options; where a setting appears twice, the later one wins.
        // Poolers refuse options; what they decide here is only the wording of definitions.
        if process == announcedProcess {
            values["options"] = [values["options"], try SessionSettings.options(on: self)].compactMap(\.self)
                .joined(separator: " ")
        }
        let conninfo = values.sorted { $0.key < $1.key }.map { keyword, value in
            "\(keyword)=\(Escaping.connectionValue(value))"
        }
        return (conninfo.joined(separator: " "), secrets)
    }

    // MARK: Statements

    /// Executes a statement, or several separated by semicolons if there are no parameters.
    ///
    /// - Parameter sql: The statement.
    /// - Returns: The number of rows in its command tag, 0 if there is none.
    /// - Throws: ``PostgresError``.
    @discardableResult
    package func execute(_ sql: SQL) throws -> Int {
        let result = try answer(to: sql)
        return try affectedRows(of: result)
    }

    /// Runs a query.
    ///
    /// - Parameter sql: The query.
    /// - Returns: All rows, in memory; meant for catalogs and the ledger, not for tables.
    /// - Throws: ``PostgresError``.
    package func query(_ sql: SQL) throws -> [Row] {
        try rows(of: try answer(to: sql))
    }

    /// All rows of an answer.
    func rows(of result: borrowing Answer) throws -> [Row] {
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

    /// Runs a query that returns exactly one row.
    ///
    /// - Parameter sql: The query.
    /// - Returns: The row.
    /// - Throws: ``PostgresError``; `.unexpectedAnswer` if there is no row, or more than one.
    package func queryOne(_ sql: SQL) throws -> Row {
        let rows = try query(sql)
        guard rows.count == 1 else {
            throw PostgresError(.unexpectedAnswer, "the server returned \(rows.count) rows where one was expected")
        }
        return rows[0]
    }

    // MARK: Answers

    func answer(to sql: SQL) throws -> Answer {
        try refuseIfInterrupted()
        if let answer = try answerReadAhead(to: sql) { return try checked(Answer(pointer: answer)) }
        let before = pending
        pending = []
        let (text, parameters) = try withoutNUL(sql)
        guard parameters.isEmpty else {
            return try before.isEmpty ? checked(run(text, parameters)) : answer(to: (text, parameters), after: before)
        }
        // Without parameters, several statements may be sent as one text.
        let texts = try before.map(withoutNUL)
        if texts.allSatisfy(\.parameters.isEmpty) {
            return try checked(run((texts.map(\.text) + [text]).joined(separator: ";\n"), []))
        }
        try together(before)
        return try checked(run(text, []))
    }

    private func run(_ text: String, _ parameters: [String?]) -> Answer {
        watched?.beginStatement()
        defer { watched?.endStatement(isInTransaction: PQtransactionStatus(pointer) != PQTRANS_IDLE) }
        if parameters.isEmpty { return Answer(pointer: PQexec(pointer, text)) }
        return withCStrings(parameters) { values in
            Answer(pointer: PQexecParams(pointer, text, Int32(values.count), nil, values, nil, nil, 0))
        }
    }

    /// Refuses an answer that is an error.
    func checked(_ result: consuming Answer) throws -> Answer {
        switch PQresultStatus(result.pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_EMPTY_QUERY: return result
        default: throw error(of: result, .statementFailed)
        }
    }

    /// The text and the parameters of a statement.
    func withoutNUL(_ sql: SQL) throws -> (text: String, parameters: [String?]) {
        let (text, parameters) = sql.rendered
        guard !text.utf8.contains(0), !parameters.contains(where: { $0?.utf8.contains(0) == true }) else {
            throw PostgresError(.statementFailed, "a statement contains a NUL character; PostgreSQL does not accept it")
        }
        return (text, parameters)
    }

    func refuseIfInterrupted() throws {
        if interrupter.isInterrupted { throw PostgresError(.cancelled, "stopped") }
    }

    /// The error of an answer, or of the connection if there is no answer.
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
            // libpq's own message goes on with guesses about the cause.
            let ofLibpq = ServerText(String(cString: PQerrorMessage(pointer))).pieces(between: "\n").first
            let reason = (field("M") ?? ofLibpq?.string ?? "?").visible
            return PostgresError(
                .connectionLost,
                "lost the connection to the \(side): \(reason)",
                sqlState: sqlState,
                hint: "run the same command again: it resumes from what is committed"
            )
        }
        // A server repeats names and values in its messages.
        let message = (field("M") ?? String(cString: PQerrorMessage(pointer)).trimmingNewlines).visible
        let hint =
            switch sqlState {
            case "22021":
                "the \(side) contains text that is not valid UTF-8 (a SQL_ASCII database allows any bytes); repair it there"
            case "53100":
                "free disk space on the \(side)'s server, then run the same command again: it resumes from what is committed"
            default: field("H")?.visible
            }
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

    /// Text from libpq; a catalog of a SQL_ASCII database may contain names that are not UTF-8, and a silently repaired
    /// name would be the name of another object.
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

    func withCStrings<Result: ~Copyable>(
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
    /// The text on one line; libpq ends its messages with a newline and splits some of them.
    var trimmingNewlines: String {
        utf8.split { $0 < 32 }.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }
}
