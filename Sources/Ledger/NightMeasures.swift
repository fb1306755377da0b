import Planning
import Postgres

/// What the ledger knows about how long the night will take.
package struct NightMeasures: Sendable, Codable {
    /// The last rehearsal that ended as proven.
    package let rehearsal: TimedRun?
    /// The last precopy that ended.
    package let precopy: TimedRun?
    /// The bytes of tables that are copied ahead, on the source.
    package let aheadBytes: Int
    /// The bytes of tables that are copied whole during the night.
    package let wholeBytes: Int
    /// The bytes that building foreign keys reads on the target.
    package let foreignKeyBytes: Int
    /// Whether foreign keys that exist stay while rows are copied, because the role may write as a replica does.
    package let keepsForeignKeys: Bool

    package init(
        rehearsal: TimedRun?,
        precopy: TimedRun?,
        aheadBytes: Int,
        wholeBytes: Int,
        foreignKeyBytes: Int,
        keepsForeignKeys: Bool
    ) {
        self.rehearsal = rehearsal
        self.precopy = precopy
        self.aheadBytes = aheadBytes
        self.wholeBytes = wholeBytes
        self.foreignKeyBytes = foreignKeyBytes
        self.keepsForeignKeys = keepsForeignKeys
    }
}

extension Ledger {
    /// Reads what is known about how long the night will take.
    ///
    /// - Returns: The measures.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    package func nightMeasures() throws -> NightMeasures {
        // From PostgreSQL 15 on the right to set a parameter can be granted.
        let isGranted: SQL =
            connection.serverVersion.major >= 15
            ? "pg_catalog.has_parameter_privilege(current_user, 'session_replication_role', 'SET')" : "false"
        let measures = try connection.query(
            NightMeasures.self,
            """
            SELECT run.rehearsal, run.precopy,
                   (SELECT coalesce(sum(r.table_bytes), 0)::bigint FROM tidemark.relation r
                    WHERE \(ChunkStage.isCopiedAhead)) AS ahead_bytes,
                   (SELECT coalesce(sum(r.table_bytes), 0)::bigint FROM tidemark.relation r
                    WHERE r.treatment \(Treatment.among { $0.copiesRows && !$0.isCopiedAhead })) AS whole_bytes,
                   (SELECT coalesce(sum(o.bytes), 0)::bigint FROM tidemark.object o
                    WHERE o.stage IN (\(RebuildStage.validation.rawValue), \(RebuildStage.partitionValidation.rawValue)))
                   AS foreign_key_bytes,
                   (SELECT u.rolsuper FROM pg_catalog.pg_roles u WHERE u.rolname = current_user) OR \(isGranted)
                   AS keeps_foreign_keys
            FROM tidemark.run
            """
        )
        guard let first = measures.first else { throw LedgerError(.missing, "the ledger is empty") }
        return first
    }

    /// Records a rehearsal that ended as proven.
    package func keep(rehearsal: TimedRun) throws {
        try connection.execute("UPDATE tidemark.run SET rehearsal = \(value: try Self.json(rehearsal))::jsonb")
    }

    /// Records a precopy that ended.
    package func keep(precopy: TimedRun) throws {
        try connection.execute("UPDATE tidemark.run SET precopy = \(value: try Self.json(precopy))::jsonb")
    }
}
