/// The settings every session is pinned to, regardless of the settings of its role, database or server.
///
/// Each one decides what a row looks like, which rows are seen, which object a name means, or whether a long statement
/// survives. Without it a role with `DateStyle = 'SQL, DMY'` would turn 3 April into 4 March without an error.
enum SessionSettings {
    /// The settings; those that an older server does not have are skipped there.
    static let pinned: [(name: String, value: String)] = [
        // How values look as text.
        ("datestyle", "ISO, YMD"),
        ("intervalstyle", "postgres"),
        ("timezone", "UTC"),
        ("bytea_output", "hex"),
        ("extra_float_digits", "3"),
        ("xmloption", "content"),
        ("lc_monetary", "C"),
        ("standard_conforming_strings", "on"),
        ("quote_all_identifiers", "off"),
        // How text is read: NULL in an array, a comparison with NULL in a definition.
        ("array_nulls", "on"),
        ("transform_null_equals", "off"),
        // Which rows and which objects are seen.
        ("row_security", "off"),
        ("search_path", ""),
        // With a limit, a search by a GIN index skips rows at random.
        ("gin_fuzzy_search_limit", "0"),
        ("synchronize_seqscans", "off"),
        // Compiling a catalog query takes longer than running it, and some servers lack the compiler's library.
        ("jit", "off"),
        // Memory for temporary tables is taken at once, and with too much of it the session ends. In pages of 8 kB.
        ("temp_buffers", "1024"),
        // Statements of a cutover may run longer than any default allows.
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
        ("idle_session_timeout", "0"),
        ("transaction_timeout", "0"),
        // The server notices a vanished client within a minute instead of two hours.
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", "60000"),
        ("client_connection_check_interval", "10s"),
        // Only errors are sent while a COPY runs; an answer during it means that the COPY has failed.
        ("client_min_messages", "error"),
        // If on, an error that we handle (a lock not granted in time) would end the session.
        ("exit_on_error", "off"),
        ("check_function_bodies", "off"),
        ("icu_validation_level", "warning"),
        // Where and how a table or index is created whose definition names no tablespace or access method.
        ("default_tablespace", ""),
        ("default_table_access_method", "heap"),
        ("default_transaction_read_only", "off"),
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_deferrable", "off"),
    ]

    /// The pinned settings of a database's sessions.
    ///
    /// On the source, a table replaced by a view between listing and reading must not run the view's functions with our
    /// rights (CVE-2024-7348). The target needs its views to refresh materialized views.
    private static func wanted(_ endpoint: Endpoint) -> [(name: String, value: String)] {
        pinned + [
            ("restrict_nonsystem_relation_kind", endpoint.side == .source ? "view, foreign-table" : ""),
            ("session_replication_role", endpoint.isReplica ? "replica" : "origin"),
        ]
    }

    /// Settings that decide over values, rows and names, and that a script of definitions may leave changed.
    private static let decisive: Set = [
        "datestyle", "intervalstyle", "timezone", "bytea_output", "extra_float_digits", "xmloption", "lc_monetary",
        "standard_conforming_strings", "quote_all_identifiers", "array_nulls", "transform_null_equals", "row_security",
        "search_path", "gin_fuzzy_search_limit", "default_tablespace", "default_table_access_method",
    ]

    /// Sets the settings the server knows, in one round trip.
    ///
    /// - Parameters:
    ///   - connection: A new session, or one in which other people's code has run.
    ///   - endpoint: The database the session is with.
    ///   - onlyDecisive: Whether to keep settings that a transaction may have changed for itself, such as timeouts.
    /// - Throws: ``PostgresError``.
    static func pin(on connection: Connection, to endpoint: Endpoint, onlyDecisive: Bool = false) throws {
        let rows = try connection.query(pins(of: endpoint, in: connection.process, onlyDecisive: onlyDecisive))
        try verify(rows, on: connection, onlyDecisive: onlyDecisive)
    }

    /// The query that sets the settings the server knows, and returns what they are then.
    ///
    /// - Parameters:
    ///   - endpoint: The database the session is with.
    ///   - process: The only server process that sets anything: behind a pooler it may be a session that serves others as well.
    ///   - onlyDecisive: Whether to keep settings that a transaction may have changed for itself, such as timeouts.
    /// - Returns: The query; ``verify(_:on:onlyDecisive:)`` checks its answer.
    static func pins(of endpoint: Endpoint, in process: Int, onlyDecisive: Bool = false) -> SQL {
        let values = rows(of: wanted(endpoint).filter { !onlyDecisive || decisive.contains($0.name) })
        // Only some roles may set session_replication_role, so it is not set where it already has the value. pg_settings has
        // more columns and takes milliseconds for them, in each session.
        return """
            SELECT v.name, v.value, pg_catalog.pg_backend_pid() AS pid,
                   CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) \(process)
                        THEN pg_catalog.set_config(v.name, v.value, false) END AS effective
            FROM (VALUES \(values)) AS v(name, value)
            WHERE pg_catalog.current_setting(v.name, true) IS NOT NULL
              AND NOT (v.name OPERATOR(pg_catalog.=) 'session_replication_role'
                       AND pg_catalog.current_setting(v.name, true) OPERATOR(pg_catalog.=) v.value)
            """
    }

    /// Checks what the server set; sets it once more if another server process has answered, and that is as good.
    ///
    /// - Parameters:
    ///   - rows: The answer to ``pins(of:in:onlyDecisive:)``.
    ///   - connection: The session.
    ///   - onlyDecisive: See there.
    /// - Throws: ``PostgresError``.
    static func verify(_ rows: [Row], on connection: Connection, onlyDecisive: Bool = false) throws {
        if let process = try rows.first?.integer("pid"), try connection.accept(process: process) {
            return try pin(on: connection, to: connection.endpoint, onlyDecisive: onlyDecisive)
        }
        for row in rows {
            guard let name = row["name"], let effective = row["effective"] else { continue }
            try verify(name: name.string, effective: effective.string, wanted: row["value"]?.string ?? "")
        }
    }

    private static func rows(of settings: [(name: String, value: String)]) -> SQL {
        settings.map { setting in
            "(\(literal: setting.name), \(literal: setting.value))" as SQL
        }.joined(separator: ", ")
    }

    /// The same settings as `options` of a connection string, for a child process with its own connection.
    ///
    /// Settings in the startup packet override those of the role and the database. An unknown or forbidden one ends the
    /// connection, so only those are included that the server has and that every role may set.
    ///
    /// - Parameter connection: A session with the same database.
    /// - Returns: `-c name=value …`.
    /// - Throws: ``PostgresError``.
    static func options(on connection: Connection) throws -> String {
        let settings = try connection.query(
            """
            SELECT v.name, v.value
            FROM (VALUES \(rows(of: wanted(connection.endpoint)))) AS v(name, value)
            JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) v.name
            WHERE s.context OPERATOR(pg_catalog.=) 'user' ORDER BY v.name
            """
        )
        return settings.map { setting in
            let value = Escaping.optionValue(setting["value"]?.string ?? "")
            return "-c \(setting["name"]?.string ?? "")=\(value)"
        }.joined(separator: " ")
    }

    /// Checks that a decisive setting has the wanted value; a pooler may swallow a SET.
    private static func verify(name: String, effective: String, wanted: String) throws {
        func plain(_ text: String) -> String { text.lowercased().filter { !$0.isWhitespace && $0 != "\"" } }
        guard decisive.contains(name), plain(effective) != plain(wanted) else { return }
        throw PostgresError(
            .connectionFailed,
            "the server keeps \(name) at '\(effective)' although it was set to '\(wanted)'",
            hint: "connect to PostgreSQL itself, not through a connection pooler"
        )
    }
}
