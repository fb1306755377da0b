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
    /// Anything libpq takes.
    ///
    /// A URI or `keyword=value` pairs. May hold a password, hence never printed.
    package let connectionString: String
    /// Host, port and database, without user or password.
    public let description: String
    /// The role every session takes on once it is connected (`SET ROLE`); nil: the one it connects as.
    ///
    /// Whoever connects must be a member of it.
    package let role: String?

    /// Takes a connection string apart to see that libpq understands it; opens nothing.
    ///
    /// - Parameters:
    ///   - connectionString: A URI (`postgres://…`) or `keyword=value` pairs, as libpq takes them.
    ///   - side: Source or target.
    ///   - role: The role every session takes on (`SET ROLE`), as `--role` of pg_restore.
    /// - Throws: ``PostgresError`` with `.connectionFailed` when libpq cannot parse it.
    public init(_ connectionString: String, side: Side, role: String? = nil) throws {
        let given = try Self.parse(connectionString, side: side)
        self.side = side
        self.connectionString = connectionString
        self.role = role
        let host = given["host"] ?? given["hostaddr"] ?? given["service"].map { "service \($0)" } ?? "default host"
        description = "\(host)\(given["port"].map { ":" + $0 } ?? "")/\(given["dbname"] ?? "default database")"
    }

    private init(_ other: Endpoint, role: String?) {
        side = other.side
        connectionString = other.connectionString
        description = other.description
        self.role = role
    }

    /// The same database, as whoever connects.
    package var asSessionUser: Endpoint { Endpoint(self, role: nil) }

    private static func parse(_ text: String, side: Side) throws -> [String: String] {
        // A bare name would be taken by libpq for a database on the default server: far too easy to hit by a typo.
        guard
            text.utf8.contains(UInt8(ascii: "="))
                || ["postgres://", "postgresql://"].contains(where: { text.utf8.starts(with: $0.utf8) })
        else {
            throw PostgresError(
                .connectionFailed,
                "the \(side.rawValue)'s connection string is neither a postgres:// URI nor keyword=value pairs",
                hint: "for example postgres://user@host:5432/database, or service=name"
            )
        }
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            // libpq quotes the offending part of the string, which may be a password: it is not repeated.
            PQfreemem(message)
            throw PostgresError(
                .connectionFailed,
                "libpq cannot parse the \(side.rawValue)'s connection string",
                hint: "percent-encode special characters in a URI's user and password (@ is %40, / is %2F, : is %3A)"
            )
        }
        defer { PQconninfoFree(options) }
        return values(of: options)
    }

    static func values(of options: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
        var result: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val, value.pointee != 0 {
                result[String(cString: keyword)] = String(cString: value)
            }
            option += 1
        }
        return result
    }
}
