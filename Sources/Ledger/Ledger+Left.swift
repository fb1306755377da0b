package import Planning
package import Postgres

/// How a cutover left the target's rows, so that writes by others since then can be found.
extension Ledger {
    /// Marks the target as it is now, after this run's last write to its tables.
    ///
    /// Rows that this run wrote are below the mark although sessions of other databases keep transaction ids open: if no
    /// other session writes rows in this database, everything in flight is elsewhere, and everything assigned so far counts as seen.
    ///
    /// - Parameters:
    ///   - identity: The identity of the target.
    ///   - border: The id below which everything counts as seen, if that is known otherwise.
    /// - Throws: ``PostgresError``.
    package func markLeft(_ identity: MarkIdentity, seeing border: UInt64? = nil) throws {
        let mark = Mark(try border.map { Snapshot(allBelow: $0) } ?? seenNow(), of: identity)
        try connection.execute(
            // A way back from an earlier cutover does not count any more.
            """
            UPDATE tidemark.run SET left_at = \(value: try Self.json(mark))::jsonb, keeps_foreign_keys = false, returned = NULL
            """
        )
    }

    /// What is committed in this database now.
    ///
    /// Who writes rows has a transaction id and a writer's lock on their table (PostgreSQL manual 13.3.1), or on the catalogs of
    /// large objects; who has locked rows (SELECT FOR UPDATE) will write them. VACUUM has no id; ANALYZE writes to other catalogs, and worker processes to the ledger.
    ///
    /// - Returns: The snapshot; where nobody else writes rows here, everything assigned so far is below it.
    /// - Throws: ``PostgresError``.
    package func seenNow() throws -> Snapshot {
        let row = try connection.queryOne(
            """
            SELECT pg_catalog.txid_current_snapshot()::text AS snapshot,
                   NOT EXISTS (
                       SELECT FROM pg_catalog.pg_locks l
                       WHERE l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
                         AND l.database = (SELECT oid FROM pg_catalog.pg_database
                                           WHERE datname = pg_catalog.current_database())
                         AND l.mode IN ('RowShareLock', 'RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                                        'AccessExclusiveLock')
                         AND (l.relation >= 16384
                              OR l.relation IN ('pg_catalog.pg_largeobject'::pg_catalog.regclass,
                                                'pg_catalog.pg_largeobject_metadata'::pg_catalog.regclass))
                         -- Who writes to a table's TOAST table has a lock on the table as well.
                         AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                                         WHERE c.oid = l.relation
                                           AND c.relnamespace IN ('tidemark'::pg_catalog.regnamespace,
                                                                  'pg_toast'::pg_catalog.regnamespace))
                         AND EXISTS (SELECT FROM pg_catalog.pg_locks x
                                     WHERE x.locktype = 'transactionid' AND x.granted
                                       AND x.virtualtransaction = l.virtualtransaction)) AS is_alone
            """
        )
        let seen = try row.snapshot("snapshot")
        return try row.boolean("is_alone") ? Snapshot(allBelow: seen.xmax) : seen
    }

    /// The number of rows that each table has on the target, by the ledger.
    package func heldRows() throws -> [Int: Int] {
        let held = try connection.query(
            "SELECT relation_id, sum(rows)::bigint AS rows FROM tidemark.chunk GROUP BY 1"
        ).map { (try $0.integer("relation_id"), try $0.integer("rows")) }
        return Dictionary(uniqueKeysWithValues: held)
    }

    /// Records whether the target is to be opened after the cutover that is at work.
    package func setRehearsed(_ isRehearsed: Bool) throws {
        try connection.execute("UPDATE tidemark.run SET is_rehearsed = \(literal: String(isRehearsed))::boolean")
    }

    /// Takes the run back to where rows can be copied, after what acts on rows was dropped on the target.
    ///
    /// Checks that may read tables are to be built again, and foreign keys unless they stay.
    ///
    /// - Parameters:
    ///   - checks: The checks that were dropped.
    ///   - keepsForeignKeys: Whether the foreign keys stay.
    /// - Throws: ``PostgresError``.
    package func reopen(
        without checks: [(table: QualifiedName, name: ServerText)],
        keepingForeignKeys keepsForeignKeys: Bool
    ) throws {
        if keepsForeignKeys {
            try connection.execute("UPDATE tidemark.run SET keeps_foreign_keys = true")
        } else {
            try reopenForeignKeys()
        }
        for check in checks {
            try connection.execute(
                """
                UPDATE tidemark.object SET steps_done = 0
                WHERE stage = \(RebuildStage.rowConstraint.rawValue) AND schema_name = \(value: check.table.schema)
                  AND table_name = \(value: check.table.name) AND object_name = \(value: check.name)
                """
            )
        }
        try setStep(.precopied)
        try record("reopened")
    }

    /// Records that the foreign keys were dropped on the target and are to be built again.
    package func reopenForeignKeys() throws {
        let stages = RebuildStage.allCases.filter(\.isOfForeignKey).map { "\($0.rawValue)" as SQL }
        try connection.execute(
            "UPDATE tidemark.object SET steps_done = 0 WHERE stage IN (\(stages.joined(separator: ", ")))"
        )
        try connection.execute("UPDATE tidemark.run SET keeps_foreign_keys = false")
    }

    /// Whether the foreign keys stay while rows are copied again.
    package func keepsForeignKeys() throws -> Bool {
        try connection.queryOne("SELECT keeps_foreign_keys AS f FROM tidemark.run").boolean("f")
    }

    /// The chunks into which rows were copied since the run was last taken back to where rows can be copied.
    package func chunksWrittenSinceReopening() throws -> [ChunkEntry] {
        try connection.query(
            ChunkEntry.self,
            """
            SELECT \(Self.chunkColumns) FROM tidemark.chunk c
            WHERE EXISTS (
                SELECT FROM tidemark.event e
                WHERE e.relation_id = c.relation_id AND e.chunk_number = c.chunk_number AND e.rows > 0
                  AND e.event_id > (SELECT max(event_id) FROM tidemark.event WHERE kind = 'reopened'))
            ORDER BY c.relation_id, c.chunk_number
            """
        )
    }
}
