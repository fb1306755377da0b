/// A session that waits for a lock, and the sessions that block it (PostgreSQL manual 54.12, `pg_blocking_pids`).
package struct LockWait: Sendable {
    /// A session as another session sees it.
    struct Session: Sendable, Hashable {
        /// The server process; 0 for a prepared transaction.
        let pid: Int
        /// What the session is and what it is doing, for people.
        let description: String
        /// Its `application_name`.
        let name: ServerText
    }

    let waiter: Session
    /// The full name of the table or index; nil where it waits for another kind of lock.
    let relation: ServerText?
    let mode: String
    let blockers: [Session]

    /// All waits for locks in this database.
    ///
    /// - Parameter connection: A connection to the database.
    /// - Returns: The waits, by the server process that waits.
    /// - Throws: ``PostgresError``.
    static func all(on connection: Connection) throws -> [Int: LockWait] {
        let rows = try connection.query(
            """
            WITH waiting AS MATERIALIZED (
                SELECT DISTINCT ON (l.pid) l.pid, l.relation, l.mode FROM pg_catalog.pg_locks l
                WHERE NOT l.granted AND l.pid IS NOT NULL
                  AND (l.database IS NULL OR l.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                                                                WHERE d.datname = pg_catalog.current_database())))
                ORDER BY l.pid),
            edge AS MATERIALIZED (
                SELECT w.pid, w.relation, w.mode, b.pid AS blocker
                FROM waiting w CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b(pid))
            SELECT e.pid, e.blocker, e.mode, \(session("w", "waiter")), \(session("b", "blocker")),
                   (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
                    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.oid = e.relation) AS relation,
                   CASE WHEN e.blocker = 0 THEN
                       (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(p.gid), ', ') FROM pg_catalog.pg_prepared_xacts p
                        WHERE p.database = pg_catalog.current_database())
                   END AS prepared
            FROM edge e
            LEFT JOIN pg_catalog.pg_stat_activity w ON w.pid = e.pid
            LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = e.blocker
            ORDER BY e.pid, e.blocker
            """
        )
        var waits: [Int: LockWait] = [:]
        for row in rows {
            let waiter = try session(row, "waiter", pid: row.integer("pid"))
            let blocker = try session(row, "blocker", pid: row.integer("blocker"))
            let others = waits[waiter.pid]?.blockers ?? []
            guard !others.contains(where: { $0.pid == blocker.pid }) else { continue }
            waits[waiter.pid] = LockWait(
                waiter: waiter,
                relation: row["relation"],
                mode: try row.word("mode"),
                blockers: others + [blocker]
            )
        }
        return waits
    }

    /// Sessions that wait for a run's locks on tables in order to change or empty them.
    ///
    /// - Parameters:
    ///   - name: The beginning of the `application_name` of the run's sessions.
    ///   - connection: A connection to the database.
    /// - Returns: One line for each such session.
    /// - Throws: ``PostgresError``.
    package static func changes(waitingFor name: String, on connection: Connection) throws -> [String] {
        func isOurs(_ session: Session) -> Bool { session.name.begins(with: ServerText(name)) }
        return try all(on: connection).values.sorted { $0.waiter.pid < $1.waiter.pid }
            .filter { wait in
                !isOurs(wait.waiter) && wait.relation != nil && wait.mode != "RowExclusiveLock"
                    && wait.blockers.contains(where: isOurs)
            }
            .map { wait in
                "the source was not quiet: \(wait.waiter.description) waits for \(wait.subject), to change it as soon as "
                    + "this run releases its lock"
            }
    }

    /// What the session waits for, for people.
    var subject: String { relation?.visible ?? "a lock" }

    /// Which sessions hold the lock, for people.
    var holders: String {
        blockers.prefix(3).map(\.description).joined(separator: ", ") + (blockers.count > 3 ? ", …" : "")
    }

    /// The server processes it waits for, directly or through others.
    func allBlockers(_ waits: [Int: LockWait]) -> Set<Int> {
        var found: Set<Int> = []
        var open = blockers.map(\.pid)
        while let pid = open.popLast() {
            guard found.insert(pid).inserted else { continue }
            open += waits[pid]?.blockers.map(\.pid) ?? []
        }
        return found
    }

    // MARK: Sessions

    private static func session(_ alias: SQL, _ prefix: SQL) -> SQL {
        """
        \(alias).application_name AS \(prefix)_name, \(alias).usename AS \(prefix)_role, \(alias).state AS \(prefix)_state,
        \(alias).query AS \(prefix)_query, \(alias).backend_type AS \(prefix)_type
        """
    }

    private static func session(_ row: Row, _ prefix: String, pid: Int) -> Session {
        let name = row["\(prefix)_name"] ?? ""
        guard pid != 0 else {
            let which = row["prepared"].map { " (one of \($0.visible))" } ?? ""
            return Session(pid: 0, description: "a prepared transaction\(which)", name: "")
        }
        if row["\(prefix)_type"] == "autovacuum worker" {
            return Session(pid: pid, description: "autovacuum (server process \(pid))", name: name)
        }
        // A role without pg_read_all_stats sees the names of other roles' sessions, but not their statements. A session
        // without a role is one of the server's own processes.
        let role = row["\(prefix)_role"]?.visible ?? "a process of the server, such as autovacuum"
        var words = [name.isEmpty ? role : name.visible]
        let kind = StatementKind(of: row["\(prefix)_query"] ?? "").words
        let isIdle = row["\(prefix)_state"]?.begins(with: "idle in transaction") == true
        if isIdle { words.append(kind.isEmpty ? "idle in transaction" : "\(kind), idle in transaction") }
        if !isIdle, !kind.isEmpty { words.append(kind) }
        return Session(pid: pid, description: "server process \(pid) (\(words.joined(separator: ", ")))", name: name)
    }
}
