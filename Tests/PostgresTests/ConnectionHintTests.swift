import Testing

@testable import Postgres

@Suite struct `A connection that failed` {
    private static let at = #"connection to server at "db" (10.0.0.1), port 5432 failed: "#

    @Test(arguments: [
        (#"FATAL:  password authentication failed for user "a""#, "percent-encoded"),
        ("fe_sendauth: no password supplied", ".pgpass"),
        (
            #"FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "a", database "b", no encryption"#,
            "sslmode=require"
        ),
        (
            #"FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "a", database "b", SSL encryption"#,
            "pg_hba.conf admit"
        ),
        ("server does not support SSL, but SSL was required", "has no TLS"),
        ("SSL error: certificate verify failed", "sslrootcert"),
        ("could not translate host name \"x\" to address: Name or service not known", "check the host's name"),
        ("Connection refused\n\tIs the server running on that host?", "listen_addresses"),
        ("timeout expired", "firewall"), (#"FATAL:  database "shop" does not exist"#, "createdb -T template0"),
        ("FATAL:  sorry, too many clients already", "fewer jobs"), ("something new", "with psql"),
    ])
    func `says what to do`(_ message: String, _ advice: String) {
        #expect(ConnectionHint(Self.at + message, side: .target).hint.contains(advice))
    }

    @Test func `tells libpq's attempts apart`() {
        let first = "FATAL:  no pg_hba.conf entry, SSL encryption\n"
        let second = "FATAL:  no pg_hba.conf entry, no encryption\n"
        let told = ConnectionHint(Self.at + first + Self.at + second, side: .source).message
        #expect(told.ranges(of: "\n  attempt: connection to server at \"db\"").count == 2, "\(told)")
        #expect(!ConnectionHint(Self.at + second, side: .source).message.contains("attempt"))
    }
}
