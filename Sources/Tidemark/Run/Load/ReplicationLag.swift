import Postgres

/// How far replicas are behind: the time since the server was where they are now.
///
/// The server's own `replay_lag` stays as it was while a replica replays nothing (PostgreSQL manual 28.2.4), so the positions of
/// the server are remembered with their times.
struct ReplicationLag {
    /// A replica that is behind.
    struct Replica: Equatable {
        let name: ServerText
        let lag: Duration
    }

    /// Where the server was, and when; oldest first.
    private var positions: [(place: Int, moment: ContinuousClock.Instant)] = []
    /// The replicas whose places the role may not see.
    private(set) var hidden = 0

    /// Reads the lag.
    ///
    /// - Parameter connection: A connection to the server that has replicas or is one.
    /// - Returns: The replica that is furthest behind, if any is behind at all.
    /// - Throws: ``PostgresError``.
    mutating func furthest(on connection: Connection) throws -> Replica? {
        let isReplica = try connection.queryOne("SELECT pg_catalog.pg_is_in_recovery() AS is_replica")
        guard try !isReplica.boolean("is_replica") else { return try Self.ofItself(connection) }
        let rows = try connection.query(
            """
            SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::bigint AS place,
                   r.pid IS NOT NULL AND r.replay_lsn IS NULL AS is_hidden,
                   pg_catalog.pg_wal_lsn_diff(r.replay_lsn, '0/0')::bigint AS replayed,
                   'replica ' || coalesce(nullif(r.application_name, ''), r.client_addr::text, '?') AS name
            FROM (SELECT) AS one LEFT JOIN pg_catalog.pg_stat_replication r
                 ON r.state IS NULL OR r.state IN ('streaming', 'catchup')
            """
        )
        let now = ContinuousClock.now
        let replicas = try rows.compactMap { row in
            try row["replayed"].map { _ in (name: row["name"] ?? "", place: try row.integer("replayed")) }
        }
        hidden = try rows.count { try $0.boolean("is_hidden") }
        if let here = try rows.first?.integer("place") {
            return note(here, replicas, at: now)
        }
        return nil
    }

    /// Remembers where the server is, and finds the replica that is furthest behind.
    ///
    /// - Parameters:
    ///   - place: The server's position, in bytes of WAL.
    ///   - replicas: Where the replicas are.
    ///   - now: When that was read.
    /// - Returns: The replica that is furthest behind; nil if none is behind a position that was seen.
    mutating func note(
        _ place: Int,
        _ replicas: [(name: ServerText, place: Int)],
        at now: ContinuousClock.Instant
    ) -> Replica? {
        if positions.last?.place != place { positions.append((place, now)) }
        guard let last = replicas.min(by: { $0.place < $1.place }) else { return nil }
        // What every replica has passed is not needed any longer.
        positions.removeFirst(positions.prefix { $0.place <= last.place }.count)
        guard let missed = positions.first else {
            positions = [(place, now)]
            return nil
        }
        let lag = missed.moment.duration(to: now)
        return lag > .zero ? Replica(name: last.name, lag: lag) : nil
    }

    private static func ofItself(_ connection: Connection) throws -> Replica? {
        let row = try connection.queryOne(
            """
            SELECT CASE WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
                        ELSE coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()
                                                           - pg_catalog.pg_last_xact_replay_timestamp()), 0)
                   END::bigint AS seconds
            """
        )
        let seconds = try row.integer("seconds")
        return seconds > 0 ? Replica(name: "the source itself", lag: .seconds(seconds)) : nil
    }
}
