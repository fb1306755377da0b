/// What to do about a connection that failed, by what libpq says (in English; other languages get the general hint).
struct ConnectionHint {
    /// Whether the server has no free connection.
    let isBusy: Bool
    /// What libpq says, each of its attempts on a line of its own.
    let message: String
    let hint: String

    private static let percent =
        "in a URI, special characters of user and password must be percent-encoded (@ is %40, : is %3A, / is %2F, # is %23, % is %25)"
    private static let passwordFile =
        "a line of ~/.pgpass (host:port:database:user:password, mode 0600) keeps it out of the command line"

    /// - Parameters:
    ///   - message: What libpq says, without secrets.
    ///   - side: The side.
    init(_ message: String, side: Endpoint.Side) {
        let text = ServerText(message)
        self.message = Self.attempts(text)
        func says(_ words: ServerText...) -> Bool { words.contains { text.contains($0) } }
        isBusy = says("too many", "remaining connection slots")
        let origin = "it comes from --\(side.rawValue) or TIDEMARK_\(side.rawValue.uppercased())"
        hint =
            if isBusy {
                "free connections on the server, or run the command with fewer jobs"
            } else if says("password authentication failed") {
                "check the password: \(Self.percent); \(Self.passwordFile)"
            } else if says("no password supplied") {
                "the server wants a password: \(Self.passwordFile)"
            } else if says("no pg_hba.conf entry") {
                says("no encryption", "SSL off")
                    ? "the server admits this role only with TLS, or not from here: try sslmode=require, or have pg_hba.conf admit it"
                    : "have the server's pg_hba.conf admit this role from this machine"
            } else if says("server does not support SSL") {
                "the server has no TLS: leave out sslmode=require if the network can be trusted"
            } else if says("certificate verify failed", "root certificate file") {
                "give the authority's certificate (sslrootcert=FILE), or encrypt without checking it (sslmode=require)"
            } else if says("could not translate host name") {
                "check the host's name; \(Self.percent)"
            } else if says("Connection refused") {
                "check host and port, and whether the server listens there (listen_addresses, firewall); \(origin)"
            } else if says("timeout expired", "timed out") {
                "nothing answered: a firewall may drop the packets; \(origin)"
            } else if says("database \"") && says("does not exist") {
                side == .target
                    ? "check the name, or create it, empty and in the source's encoding: createdb -T template0 …"
                    : "check the name of the database; \(origin)"
            } else {
                "try the same connection string with psql; \(origin)"
            }
    }

    /// libpq tries each address, and with sslmode=prefer once with TLS and once without; it prints one attempt after the other.
    private static func attempts(_ text: ServerText) -> String {
        let beginning: ServerText = "connection to server at "
        guard text.begins(with: beginning), text.dropFirst(beginning.utf8.count).contains(beginning) else {
            return text.visible
        }
        return text.replacingAll("\n", with: " ").replacingAll(beginning, with: "\n  attempt: connection to server at ")
            .string
    }
}
