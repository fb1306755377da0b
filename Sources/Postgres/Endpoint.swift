import CLibpq

/// One side of a migration: where it is, and which part it plays.
public struct Endpoint: Sendable, CustomStringConvertible {
    /// The part a database plays.
    public enum Side: String, Sendable, Codable {
        /// The database being left.
        case source
        /// The database being filled.
        case target
    }

    /// The part this database plays.
    public let side: Side
    /// Anything libpq accepts.
    ///
    /// A URI or `keyword=value` pairs. It may contain a password, so it is never printed.
    package let connectionString: String
    /// Host, port and database, without user or password.
    public let description: String
    /// The role every session switches to after connecting (`SET ROLE`); nil: the role it connects as.
    ///
    /// The connecting role must be a member of it.
    package private(set) var role: String?
    /// Watches the sessions with this database while a call is running.
    package private(set) var watch: SessionWatch?
    /// Whether sessions end as soon as another session waits for their locks.
    package private(set) var givesWay = false
    /// Whether rows are written as a replica writes them: triggers and foreign keys do not act.
    package private(set) var isReplica = false

    /// Parses a connection string to check that libpq understands it; opens no connection.
    ///
    /// - Parameters:
    ///   - connectionString: A URI (`postgres://…`) or `keyword=value` pairs, as libpq accepts them.
    ///   - side: Source or target.
    ///   - role: The role every session switches to (`SET ROLE`), like `--role` of pg_restore.
    /// - Throws: ``PostgresError`` with `.connectionFailed` when libpq cannot parse it.
    public init(_ connectionString: String, side: Side, role: String? = nil) throws {
        let given = try Self.parse(connectionString, side: side)
        try Self.refuseMisread(connectionString, given: given, side: side)
        self.side = side
        self.connectionString = connectionString
        self.role = role
        let host = given["host"] ?? given["hostaddr"] ?? given["service"].map { "service \($0)" } ?? "default host"
        description = "\(host)\(given["port"].map { ":" + $0 } ?? "")/\(given["dbname"] ?? "default database")"
    }

    private func with(_ change: (inout Endpoint) -> Void) -> Endpoint {
        var other = self
        change(&other)
        return other
    }

    /// The same database, used as the connecting role.
    package var asSessionUser: Endpoint { with { $0.role = nil } }

    /// The same database, with sessions that are not watched.
    var unwatched: Endpoint { with { $0.watch = nil } }

    /// The same database, with sessions that end as soon as another session waits for their locks.
    package var givingWay: Endpoint { with { $0.givesWay = true } }

    /// The same database, with `session_replication_role` set to `replica`: only triggers and rules that are enabled for
    /// that act (PostgreSQL manual 20.11.1).
    ///
    /// Only superusers may set it, and roles to which the parameter was granted (PostgreSQL 15 and newer). Connecting as
    /// another role fails.
    package var asReplica: Endpoint { with { $0.isReplica = true } }

    /// The same database, with sessions that are watched.
    ///
    /// - Parameters:
    ///   - stop: Ends sessions that wait for a lock.
    ///   - note: Receives a line about what is being waited for.
    /// - Returns: The endpoint; nothing is watched before ``watching(_:_:)`` runs.
    package func watched(
        stop: StopRequest,
        note: @escaping @Sendable (String) -> Void
    ) -> Endpoint {
        with { $0.watch = SessionWatch(side: side, stop: stop, note: note) }
    }

    /// Ends the sessions with the server that nobody uses at the moment.
    ///
    /// A session counts the rows it has written, and hands in the counts when it ends.
    package func endIdleSessions() { watch?.idle.endAll() }

    /// Watches the sessions with some servers while `body` runs; those no longer needed are kept for the next user.
    ///
    /// - Parameters:
    ///   - endpoints: The servers; only those made by ``watched(stop:note:)`` are watched.
    ///   - body: The work.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    package static func watching<Result>(_ endpoints: [Endpoint], _ body: () async throws -> Result) async rethrows
        -> Result
    {
        let watchers = endpoints.compactMap { endpoint in
            LockWatcher(endpoint).map { watcher in
                Task {
                    var watcher = watcher
                    await watcher.run()
                }
            }
        }
        let idle = endpoints.compactMap { $0.watch?.idle }
        for sessions in idle { sessions.open() }
        func end() async {
            for sessions in idle { sessions.close() }
            for watcher in watchers { watcher.cancel() }
            for watcher in watchers { await watcher.value }
        }
        do {
            let result = try await body()
            await end()
            return result
        } catch {
            await end()
            throw error
        }
    }

    private static func parse(_ text: String, side: Side) throws -> [String: String] {
        // libpq reads a bare name as a database on the default server, which a typo reaches far too easily.
        guard
            text.utf8.contains(UInt8(ascii: "="))
                || ConnectionURI(text) != nil
        else {
            throw PostgresError(
                .connectionFailed,
                "the \(side.rawValue)'s connection string is neither a postgres:// URI nor keyword=value pairs",
                hint: "for example postgres://user@host:5432/database, or service=name"
            )
        }
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            // libpq quotes the offending part of the string, which may be a password, so its message is not repeated.
            PQfreemem(message)
            throw PostgresError(
                .connectionFailed,
                "libpq cannot parse the \(side.rawValue)'s connection string",
                hint: encodingHint
            )
        }
        defer { PQconninfoFree(options) }
        return values(of: options)
    }

    /// Whether a connection string contains a password or another secret.
    ///
    /// - Parameter text: A connection string.
    /// - Returns: Whether it does; true as well if libpq cannot parse it.
    package static func mayHaveSecret(_ text: String) -> Bool {
        guard let options = PQconninfoParse(text, nil) else { return true }
        defer { PQconninfoFree(options) }
        let given = values(of: options)
        return secrets(among: options).contains { given[$0] != nil }
    }

    private static let encodingHint =
        "percent-encode special characters in a URI (in user and password @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25)"

    /// Refuses strings that libpq accepts but reads differently than intended: a part of the password would become the
    /// host, the port or the database, and be printed as such.
    private static func refuseMisread(_ text: String, given: [String: String], side: Side) throws {
        func refuse(_ what: String, hint: String) -> PostgresError {
            PostgresError(.connectionFailed, "the \(side.rawValue)'s connection string \(what)", hint: hint)
        }
        if let uri = ConnectionURI(text), uri.isAmbiguous {
            throw refuse("has an @, / or another special character that is not percent-encoded", hint: encodingHint)
        }
        let ports = (given["port"] ?? "").utf8.split(separator: UInt8(ascii: ","))
        guard ports.allSatisfy({ port in String(port).flatMap { UInt16($0) } ?? 0 > 0 }) else {
            throw refuse("has a port that is not a number from 1 to 65535", hint: encodingHint)
        }
        // libpq's own programs would read it as a connection string; we would print all of it as the database's name.
        if let name = given["dbname"], name.utf8.contains(UInt8(ascii: "=")) || ConnectionURI(name) != nil {
            throw refuse(
                "has a connection string as the database name",
                hint: "give the URI or the keyword=value pairs alone, without dbname= before them"
            )
        }
    }

    /// - Parameter options: The options as libpq returns them.
    /// - Returns: The options that have a value, by keyword.
    static func values(of options: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
        var result: [String: String] = [:]
        for option in sequence(first: options, next: { $0 + 1 }) {
            guard let keyword = option.pointee.keyword else { break }
            if let value = option.pointee.val, value.pointee != 0 {
                result[String(cString: keyword)] = String(cString: value)
            }
        }
        return result
    }

    /// - Parameter options: The options as libpq returns them.
    /// - Returns: The keywords of the options that libpq says to hide: passwords of all kinds.
    static func secrets(among options: UnsafeMutablePointer<PQconninfoOption>) -> [String] {
        var result: [String] = []
        for option in sequence(first: options, next: { $0 + 1 }) {
            guard let keyword = option.pointee.keyword else { break }
            if option.pointee.dispchar.map({ String(cString: $0) }) == "*" { result.append(String(cString: keyword)) }
        }
        return result
    }
}
