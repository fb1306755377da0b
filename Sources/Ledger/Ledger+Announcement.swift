import FoundationEssentials
import Postgres

/// What workers may do now, for other processes to see.
///
/// The client that owns the run announces each stage before its workers begin it and withdraws it when they have ended.
extension Ledger {
    /// Announces work in place of what was announced before.
    package func announce(_ work: AnnouncedWork) throws {
        try withdrawWork()
        try connection.execute(
            """
            INSERT INTO tidemark.work (epoch, stage, exported_snapshot, snapshot, keeps_triggers_off)
            VALUES (\(value: epoch), \(value: try Self.json(work.stage))::jsonb, \(value: work.snapshot?.identifier),
                    \(value: work.snapshot?.snapshot.description), \(work.keepsTriggersOff ? "true" : "false" as SQL))
            """
        )
    }

    /// Ends what was announced.
    package func withdrawWork() throws { try connection.execute("DELETE FROM tidemark.work") }

    /// Reads what is announced.
    ///
    /// - Returns: The work; nil if there is none, also if only an earlier client has left some.
    /// - Throws: ``PostgresError``.
    package func announcedWork() throws -> AnnouncedWork? {
        let row = try connection.query(
            """
            SELECT w.stage, w.exported_snapshot, w.snapshot, w.keeps_triggers_off
            FROM tidemark.work w JOIN tidemark.run r USING (epoch)
            """
        ).first
        guard let row else { return nil }
        let snapshot = try row["exported_snapshot"].map { identifier in
            SharedSnapshot(identifier: identifier.string, snapshot: try row.snapshot("snapshot"))
        }
        return AnnouncedWork(
            try JSONDecoder().decode(ChunkStage.self, from: Data(row.text("stage").utf8)),
            in: snapshot,
            keepsTriggersOff: try row.boolean("keeps_triggers_off")
        )
    }
}
