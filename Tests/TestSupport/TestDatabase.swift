package import Postgres

/// One database, used with plain SQL like an application would: `public` is on its search path.
package struct TestDatabase: Sendable {
    package let conninfo: String
    package let endpoint: Endpoint

    package init(_ conninfo: String, side: Endpoint.Side) throws {
        self.conninfo = conninfo
        endpoint = try Endpoint(conninfo, side: side)
    }

    /// The server's own database, which no test copies.
    package var elsewhere: TestDatabase {
        get throws { try TestDatabase("\(conninfo) dbname=postgres", side: endpoint.side) }
    }

    /// Runs statements, each script in one round trip.
    package func run(_ scripts: String...) async throws {
        try await session { session in
            for script in scripts { try await session.run(script) }
            // On a busy machine a session that has ended may hand in its counts of rows only a moment later.
            try await session.connection.run { connection in
                guard connection.serverVersion.major >= 15 else { return }
                // A script may have ended its own session.
                _ = try? connection.execute("SELECT pg_catalog.pg_stat_force_next_flush()")
            }
        }
    }

    /// Runs a script at once on the calling thread: an observer is called in the middle of a run and must not wait for
    /// a task that may need the same thread.
    ///
    /// - Parameter script: The script; the session has no pinned settings, and `public` is not on its search path.
    /// - Returns: Whether it succeeded.
    package func runAtOnce(_ script: SQL) -> Bool {
        do {
            try Connection(to: endpoint, purpose: "test", interrupter: Interrupter()).execute(script)
            return true
        } catch {
            return false
        }
    }

    /// Returns the first column of a query's rows; NULL as an empty text.
    package func column(_ query: String) async throws -> [String] {
        try await ThreadConfined.with(endpoint, purpose: "test") { connection in
            try await connection.run { connection in
                try connection.execute("SET search_path = public")
                return try connection.query(SQL(trusted: "SELECT q.c FROM (\(query)) AS q(c)")).map {
                    $0["c"]?.string ?? ""
                }
            }
        }
    }

    /// Returns the only value of a query.
    package func value(_ query: String) async throws -> String {
        try await column(query).first ?? ""
    }

    /// Waits until no open transaction on the server, of any test, is as old as the rows written so far.
    ///
    /// From then on, marks distinguish these rows from rows that are written later.
    ///
    /// - Throws: ``PostgresError``, also if a transaction stays open for minutes.
    package func untilMarksTell() async throws {
        let written = try await value("SELECT txid_current()")
        for _ in 0..<3600 {
            guard try await value("SELECT txid_snapshot_xmin(txid_current_snapshot()) > \(written)") == "f" else {
                return
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw PostgresError(.unexpectedAnswer, "a transaction of another test has been open for minutes")
    }

    /// The server's major version.
    package func majorVersion() async throws -> Int {
        (Int(try await value("SELECT current_setting('server_version_num')")) ?? 0) / 10_000
    }

    /// Whether the server has an extension to create.
    package func hasExtension(_ name: String) async throws -> Bool {
        try await value("SELECT count(*) FROM pg_available_extensions WHERE name = '\(name)'") == "1"
    }

    /// Runs `body` with a session that stays open, so that a transaction can stay open while the tool works.
    package func session<Result: Sendable>(_ body: (TestSession) async throws -> Result) async throws -> Result {
        try await ThreadConfined.with(endpoint, purpose: "test") { connection in
            // An application does not have the settings that the tool pins.
            try await connection.run { connection in
                try connection.execute("SET search_path = public; SET row_security = on")
                try connection.execute(
                    """
                    SELECT pg_catalog.set_config(name, '', false) FROM pg_catalog.pg_settings
                    WHERE name = 'restrict_nonsystem_relation_kind'
                    """
                )
            }
            return try await body(TestSession(connection: connection))
        }
    }
}

/// An open session.
package struct TestSession: Sendable {
    let connection: ThreadConfined<Connection>

    package func run(_ script: String) async throws {
        try await connection.run { try $0.execute(SQL(trusted: script)) }
    }
}
