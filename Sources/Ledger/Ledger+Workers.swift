import FoundationEssentials
package import Postgres

/// The worker processes of a run.
///
/// Each holds a lock in a session that it keeps open: when that ends, in whatever way, the worker is gone.
extension Ledger {
    /// What a worker process has to know again and again.
    package struct CallState: Sendable, Codable {
        /// The number of the client that owns the run now.
        package let epoch: Int
        /// Whether a client holds the target.
        package let isHeld: Bool
        /// How the call of an epoch has ended, if it has; such as `cutover: done`.
        package let ending: ServerText?
        /// The share that this worker has been given; nil: none yet.
        package let share: WorkerShare?
        /// The numbers of the announcements that stand.
        package let announcements: [Int]
    }

    /// Enters a worker process into the run.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - jobs: How many chunks it copies at the same time.
    ///   - indexJobs: How many objects it builds at the same time.
    /// - Returns: Its number, by which this session is known from now on.
    /// - Throws: ``LedgerError`` `.otherRole`, ``PostgresError``.
    package func join(as name: String, jobs: Int, indexJobs: Int) throws -> Int {
        try Self.refuseOtherRole(connection)
        // A session that is used again may still hold the lock of an earlier call.
        try connection.execute("SELECT pg_catalog.pg_advisory_unlock_all()")
        let number = try connection.queryOne(
            """
            INSERT INTO tidemark.worker (name, jobs, index_jobs)
            VALUES (\(value: name), \(value: jobs)::integer, \(value: indexJobs)::integer) RETURNING worker_id
            """
        ).integer("worker_id")
        try connection.execute("SELECT pg_catalog.pg_advisory_lock(\(Self.workerLock), \(number))")
        return number
    }

    /// The first number of the lock that a worker holds; the second one is its own. (The run's lock has one less.)
    private static let workerLock: SQL = "1953064038"

    /// Records that a worker process still asks how the call stands.
    ///
    /// - Parameter worker: Its number.
    /// - Throws: ``PostgresError``.
    package func noteAsking(_ worker: Int) throws {
        try connection.execute(
            "UPDATE tidemark.worker SET asked_at = pg_catalog.clock_timestamp() WHERE worker_id = \(worker)"
        )
    }

    /// The worker processes that are connected now, in the order in which they joined.
    ///
    /// - Returns: The workers.
    /// - Throws: ``PostgresError``.
    package func workers() throws -> [WorkerEntry] {
        try connection.query(
            WorkerEntry.self,
            """
            SELECT w.worker_id, w.name, pg_catalog.host(a.client_addr) AS address, w.jobs, w.index_jobs,
                   coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - w.joined_at), 0)::int AS seconds,
                   coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - w.asked_at), 0)::int AS silent_seconds,
                   coalesce(e.chunks, 0) AS chunks, coalesce(e.rows, 0)::bigint AS rows,
                   coalesce(e.bytes, 0)::bigint AS bytes, coalesce(e.statements, 0) AS statements
            FROM tidemark.worker w
            JOIN pg_catalog.pg_locks l
              ON l.locktype = 'advisory' AND l.granted AND l.classid = \(Self.workerLock) AND l.objid = w.worker_id::oid
             AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
            -- What it shows of sessions of other roles is hidden, so nothing depends on it.
            LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
            CROSS JOIN tidemark.run r
            LEFT JOIN LATERAL (
                SELECT count(*) FILTER (WHERE e.chunk_number IS NOT NULL) AS chunks, sum(e.rows) AS rows,
                       sum(e.bytes) AS bytes, count(*) FILTER (WHERE e.kind = 'build') AS statements
                FROM tidemark.event e
                WHERE e.worker_id IS NOT NULL AND e.epoch = r.epoch AND e.worker_id = w.worker_id) e ON true
            ORDER BY w.worker_id
            """
        )
    }

    /// What worker processes have done in this client's call.
    ///
    /// - Returns: The sums.
    /// - Throws: ``PostgresError``.
    package func workOfWorkers() throws -> MovedCounts? {
        try connection.query(
            MovedCounts.self,
            """
            SELECT count(*) FILTER (WHERE e.chunk_number IS NOT NULL) AS chunks, coalesce(sum(e.rows), 0)::bigint AS rows,
                   coalesce(sum(e.removed_rows), 0)::bigint AS removed_rows, coalesce(sum(e.bytes), 0)::bigint AS bytes,
                   count(*) FILTER (WHERE e.kind = 'unchanged') AS unchanged_chunks,
                   count(*) FILTER (WHERE e.kind = 'reconciled') AS reconciled_chunks,
                   -- They begin again by themselves, and leave large objects to the client.
                   0 AS retries, 0 AS large_objects, 0 AS removed_large_objects
            FROM tidemark.event e WHERE e.worker_id IS NOT NULL AND e.epoch = \(value: epoch)
            """
        ).first
    }

    /// Gives worker processes their shares.
    ///
    /// - Parameter shares: The share of each, by its number.
    /// - Throws: ``PostgresError``.
    package func allot(_ shares: [Int: WorkerShare]) throws {
        guard !shares.isEmpty else { return }
        let rows = try shares.sorted { $0.key < $1.key }.map { entry -> SQL in
            "(\(entry.key), \(literal: ServerText(try Self.json(entry.value)))::jsonb)"
        }
        try connection.execute(
            """
            UPDATE tidemark.worker w SET share = v.share FROM (VALUES \(rows.joined(separator: ", "))) AS v(id, share)
            WHERE w.worker_id = v.id AND w.share IS DISTINCT FROM v.share
            """
        )
    }

    /// Reads how the call stands that a worker process takes part in.
    ///
    /// - Parameters:
    ///   - worker: The number of the worker.
    ///   - call: The epoch of the call.
    /// - Returns: The state; nil if the ledger is empty.
    /// - Throws: ``PostgresError``.
    package func callState(of worker: Int, in call: Int) throws -> CallState? {
        try connection.query(
            CallState.self,
            """
            SELECT r.epoch,
                   EXISTS (SELECT FROM pg_catalog.pg_locks l
                           WHERE l.locktype = 'advisory' AND l.granted AND (l.classid, l.objid) = (\(Self.lockKey))
                             AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                               WHERE d.datname = pg_catalog.current_database())) AS is_held,
                   (SELECT e.subject FROM tidemark.event e
                    WHERE e.epoch = \(value: call) AND e.kind = \(literal: ServerText(Self.endedKind)) ORDER BY e.event_id DESC LIMIT 1) AS ending,
                   w.share,
                   (SELECT coalesce(pg_catalog.json_agg(a.work_id), '[]') FROM tidemark.work a WHERE NOT a.is_closed)
                       AS announcements
            FROM tidemark.run r LEFT JOIN tidemark.worker w ON w.worker_id = \(value: worker)
            """
        ).first
    }
}
