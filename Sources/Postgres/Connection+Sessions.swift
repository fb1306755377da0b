import Glibc

extension Connection {
    /// Switches to the endpoint's role, if there is one.
    ///
    /// - Throws: ``PostgresError`` with `.connectionFailed` if the role does not exist or the connecting role is not a
    ///   member of it.
    func takeOnRole() throws {
        guard let role = endpoint.role else { return }
        do {
            try execute("SET ROLE \(Identifier(ServerText(role)))")
        } catch let error as PostgresError where error.sqlState != nil {
            throw PostgresError(
                .connectionFailed,
                error.message,
                sqlState: error.sqlState,
                hint: "--role takes the exact name of a role, and the connecting role must be a member of it"
            )
        }
    }

    /// Changes the name that `pg_stat_activity` shows.
    ///
    /// - Parameter purpose: The name.
    /// - Throws: ``PostgresError``.
    package func rename(_ purpose: String) throws {
        try execute("SELECT pg_catalog.set_config('application_name', \(value: purpose), false)")
    }

    /// Ends sessions that dead clients of ours have left in this database, and waits until they have ended.
    ///
    /// A server process notices that its client is gone only when it next talks to it: an index build continues.
    ///
    /// - Parameter prefix: The beginning of their `application_name`; the caller makes sure that no other client uses it.
    /// - Throws: ``PostgresError`` with `.statementFailed` if they do not end within 30 seconds, or if we may not end
    ///   them.
    package func endSessions(named prefix: String) throws {
        try asSessionUser { try end(named: prefix) }
    }

    /// Runs `body` as the connecting role: sessions belong to that role, not to the one they switched to.
    private func asSessionUser(_ body: () throws -> Void) throws {
        guard endpoint.role != nil else { return try body() }
        try execute("SET ROLE NONE")
        do {
            try body()
        } catch {
            try takeOnRole()
            throw error
        }
        try takeOnRole()
    }

    private func end(named prefix: String) throws {
        let leftovers: SQL = """
            FROM pg_catalog.pg_stat_activity
            WHERE pg_catalog.starts_with(application_name, \(value: prefix))
              AND datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
            """
        var left: [Row] = []
        for attempt in 0..<300 {
            left = try query("SELECT pid \(leftovers)")
            if left.isEmpty { return }
            // Some reconnect once, under the same name.
            if attempt % 5 == 0 { try execute("SELECT pg_catalog.pg_terminate_backend(pid) \(leftovers)") }
            usleep(100_000)
        }
        throw PostgresError(
            .statementFailed,
            "sessions of an earlier client did not end: server processes "
                + left.compactMap { $0["pid"]?.string }.joined(separator: ", "),
            hint: "find them in pg_stat_activity by application_name '\(prefix)…' and end them"
        )
    }
}
