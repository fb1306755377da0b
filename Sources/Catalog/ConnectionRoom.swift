package import Postgres

/// How many more sessions a server accepts from this role in this database.
package struct ConnectionRoom: Sendable {
    /// The free connections.
    package let free: Int
    /// What limits them, for people.
    package let limit: String

    /// Reads it, leaving out sessions of ours; others may come and go.
    ///
    /// - Parameter connection: A connection to the database.
    /// - Throws: ``PostgresError``.
    package init(on connection: Connection) throws {
        let row = try connection.queryOne(
            """
            WITH used AS (
                SELECT count(*) FILTER (WHERE backend_type = 'client backend' OR backend_type IS NULL) AS everywhere,
                       count(*) FILTER (WHERE datname = pg_catalog.current_database()) AS here,
                       count(*) FILTER (WHERE usename = session_user) AS own
                FROM pg_catalog.pg_stat_activity
                WHERE NOT (usename = session_user AND application_name LIKE 'tidemark %') OR usename IS NULL)
            SELECT l.free, l.name FROM used, pg_catalog.pg_roles r, pg_catalog.pg_database d
            CROSS JOIN LATERAL (VALUES
                (pg_catalog.current_setting('max_connections')::bigint
                 - CASE WHEN r.rolsuper THEN 0
                        ELSE pg_catalog.current_setting('superuser_reserved_connections')::bigint
                             + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::bigint END
                 - used.everywhere, 'max_connections'),
                (CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit - used.here END, 'the database''s CONNECTION LIMIT'),
                (CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit - used.own END, 'the role''s CONNECTION LIMIT')
            ) AS l(free, name)
            WHERE r.rolname = session_user AND d.datname = pg_catalog.current_database() AND l.free IS NOT NULL
            ORDER BY l.free LIMIT 1
            """
        )
        free = try row.integer("free")
        limit = try row.word("name")
    }

    /// Says that there are too few; nil: there are enough.
    ///
    /// - Parameters:
    ///   - needed: The sessions that a run opens.
    ///   - side: The server.
    /// - Returns: What is wrong and what to do.
    package func shortage(of needed: Int, on side: Endpoint.Side) -> String? {
        guard free < needed else { return nil }
        return
            "a run needs \(needed) connections to the \(side.rawValue), and \(max(0, free)) are free (\(limit)): raise that limit, "
            + "end other sessions, or use fewer --jobs"
    }
}
