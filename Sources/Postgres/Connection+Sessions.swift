import Glibc

extension Connection {
    /// Becomes the endpoint's role, if there is one.
    ///
    /// - Throws: ``PostgresError`` with `.connectionFailed` if it does not exist, or the one that connected is no
    ///   member.
    func takeOnRole() throws {
        guard let role = endpoint.role else { return }
        do {
            try execute("SET ROLE \(Identifier(ServerText(role)))")
        } catch let error as PostgresError where error.sqlState != nil {
            throw PostgresError(
                .connectionFailed,
                error.message,
                sqlState: error.sqlState,
                hint: "--role takes the exact name of a role, and who connects must be a member of it"
            )
        }
    }

    /// Ends what clients of ours that are no more have left at work in this database, and waits until it has ended.
    ///
    /// A server process does not notice that its client is gone before it next talks to it: an index build goes on.
    ///
    /// - Parameter prefix: What their `application_name` begins with; the caller sees to it that it is nobody else's.
    /// - Throws: ``PostgresError`` with `.statementFailed` if they do not end within 30 seconds, or may not be ended.
    package func endSessions(named prefix: String) throws {
        try asSessionUser { try end(named: prefix) }
    }

    /// Sessions belong to whoever connected, which need not be the role they took on.
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
            if attempt == 0 { try execute("SELECT pg_catalog.pg_terminate_backend(pid) \(leftovers)") }
            usleep(100_000)
        }
        throw PostgresError(
            .statementFailed,
            "sessions of an earlier client do not end: server processes "
                + left.compactMap { $0["pid"]?.string }.joined(separator: ", "),
            hint: "look at pg_stat_activity for application_name '\(prefix)…' and end them"
        )
    }
}
