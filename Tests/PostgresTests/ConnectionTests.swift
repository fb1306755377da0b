import Glibc
import Postgres
import TestSupport
import Testing

@Suite struct `A connection` {
    @Test func `is used on its own thread, never on the common pool`() async throws {
        try await DatabasePair.with { pair in
            try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
                let first = try await connection.run { _ in pthread_self() }
                let second = try await connection.run { _ in pthread_self() }
                #expect(pthread_equal(first, second) != 0)
                #expect(pthread_equal(first, pthread_self()) == 0)
            }
        }
    }

    @Test func `does not stop other tasks while it blocks`() async throws {
        try await DatabasePair.with { pair in
            let ticks = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
                            try await connection.run { _ = try $0.query("SELECT pg_catalog.pg_sleep(1)") }
                        }
                        return 0
                    }
                }
                group.addTask {
                    var ticks = 0
                    for _ in 0..<10 {
                        try await Task.sleep(for: .milliseconds(50))
                        ticks += 1
                    }
                    return ticks
                }
                // The ticker ends after half a second, the sleepers after one: it must finish first.
                return try await group.next()
            }
            #expect(ticks == 10)
        }
    }

    @Test func `lets a cancelled task cancel the server's statement`() async throws {
        try await DatabasePair.with { pair in
            let sleeper = Task {
                try await ThreadConfined.with(pair.source.endpoint, purpose: "test sleeper") { connection in
                    try await connection.run { _ = try $0.query("SELECT pg_catalog.pg_sleep(600)") }
                }
            }
            let isAsleep =
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test sleeper' AND wait_event = 'PgSleep'"
            while try await pair.source.value(isAsleep) == "0" { try await Task.sleep(for: .milliseconds(20)) }
            let start = ContinuousClock.now
            sleeper.cancel()
            let error = await #expect(throws: PostgresError.self) { try await sleeper.value }
            #expect(error?.code == .cancelled)
            // The cancel request ends it; after a grace period of five seconds, the socket would be shut down.
            #expect(start.duration(to: .now) < .seconds(4))
            #expect(try await pair.source.value(isAsleep) == "0")
        }
    }

    @Test func `overrides its role's settings`() async throws {
        let role = "sabotaged_\(getpid())"
        try await DatabasePair.with(
            """
            CREATE ROLE \(role) LOGIN;
            ALTER ROLE \(role) SET datestyle = 'SQL, DMY';
            ALTER ROLE \(role) SET intervalstyle = 'iso_8601';
            ALTER ROLE \(role) SET timezone = 'Asia/Tokyo';
            ALTER ROLE \(role) SET bytea_output = 'escape';
            ALTER ROLE \(role) SET extra_float_digits = 0;
            ALTER ROLE \(role) SET search_path = 'evil, public';
            ALTER ROLE \(role) SET statement_timeout = '200ms';
            ALTER ROLE \(role) SET lock_timeout = '200ms';
            ALTER ROLE \(role) SET default_transaction_read_only = on;
            ALTER ROLE \(role) SET client_encoding = 'LATIN1';
            """
        ) { pair in
            let endpoint = try Endpoint(
                pair.source.conninfo.replacing("user=postgres", with: "user=\(role)"),
                side: .source
            )
            let row = try await ThreadConfined.with(endpoint, purpose: "test") { connection in
                try await connection.run { connection in
                    _ = try connection.query("SELECT pg_catalog.pg_sleep(0.4)")
                    let row = try connection.queryOne(
                        """
                        SELECT date '2024-04-03' AS d, interval '1 day 2 hours' AS i, '\\x00ff'::bytea AS b,
                               0.1::float8 + 0.2 AS f, timestamptz '2024-01-01 00:00+00' AS t,
                               pg_catalog.current_setting('search_path') AS s,
                               pg_catalog.current_setting('client_encoding') AS e,
                               pg_catalog.current_setting('row_security') AS r,
                               pg_catalog.current_setting('transaction_read_only') AS w
                        """
                    )
                    return ["d", "i", "b", "f", "t", "s", "e", "r", "w"].map { row[$0] ?? "" }
                }
            }
            #expect(
                row == [
                    "2024-04-03", "1 day 02:00:00", "\\x00ff", "0.30000000000000004", "2024-01-01 00:00:00+00", "",
                    "UTF8", "off", "off",
                ]
            )
        }
    }

    @Test func `never shows a password`() async throws {
        let secret = "s3cr3t-w0rd"
        let conninfo = try TestServers.source(database: "there_is_no_such_database")
        let endpoint = try Endpoint("\(conninfo) password=\(secret)", side: .source)
        let error = await #expect(throws: PostgresError.self) {
            try await ThreadConfined.with(endpoint, purpose: "test") { _ in }
        }
        #expect(error?.code == .connectionFailed)
        #expect(error?.description.contains("there_is_no_such_database") == true)
        #expect(error.map { "\($0)" }?.contains(secret) == false)
        #expect(!"\(endpoint)".contains(secret))
        #expect(throws: PostgresError.self) { try Endpoint("postgres://u:\(secret)@[", side: .source) }
        do {
            _ = try Endpoint("postgres://u:\(secret)@[", side: .source)
        } catch {
            #expect(!"\(error)".contains(secret))
        }
    }

    @Test func `rolls back when a transaction's body throws, and stays usable`() async throws {
        struct Refusal: Error {}
        try await DatabasePair.with("CREATE TABLE t (n int)") { pair in
            let count = try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
                try await connection.run { connection in
                    #expect(throws: Refusal.self) {
                        try connection.transaction(.readWrite) {
                            try connection.execute("INSERT INTO public.t VALUES (1)")
                            throw Refusal()
                        }
                    }
                    #expect(throws: PostgresError.self) {
                        try connection.transaction(.readWrite) { try connection.execute("SELECT 1/0") }
                    }
                    return try connection.queryOne("SELECT count(*) AS n FROM public.t").integer("n")
                }
            }
            #expect(count == 0)
        }
    }
}
