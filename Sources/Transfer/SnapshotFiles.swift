import Catalog
import Ledger
import Planning
import Postgres
import Synchronization

/// The files in which the tables of a shared snapshot lie, so that all workers read the same ones.
///
/// The holder of a snapshot locks its tables. When it gives way to another session, a worker that has already imported the
/// snapshot may get its own lock only after that session: the table is then truncated, or lies in another file (VACUUM FULL
/// keeps the rows that the snapshot sees, but not their places). What one worker has read by place, or has counted, tells
/// nothing about the rows that another one finds there.
final class SnapshotFiles: Sendable {
    /// Whether all workers of the snapshot are in this process.
    private let knowsAll: Bool
    private let files = Mutex<[Int: UInt32]>([:])

    /// - Parameter knowsAll: Whether all workers of the snapshot are in this process, and tell each other here.
    init(knowsAll: Bool) {
        self.knowsAll = knowsAll
    }

    /// Refuses tables that workers of other processes may have read in other files.
    ///
    /// The holder has locked its tables before it took the snapshot. If it still has its lock when we have ours, nothing came
    /// between.
    ///
    /// - Parameters:
    ///   - relations: Tables that this session has locked.
    ///   - snapshot: The snapshot it reads.
    ///   - source: The session.
    /// - Throws: ``PostgresError`` `.snapshotLost` if the holder does not lock one of them.
    func checkLocks(of relations: [RelationEntry], heldBy snapshot: SharedSnapshot, on source: Connection) throws {
        guard !knowsAll, !relations.isEmpty else { return }
        let tables = relations.map { "(\($0.definition.oid)::pg_catalog.oid)" as SQL }.joined(separator: ", ")
        let row = try source.queryOne(
            """
            SELECT count(*) AS n FROM (VALUES \(tables)) AS t(id)
            WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_locks l
                              WHERE l.locktype = 'relation' AND l.relation = t.id AND l.granted
                                AND l.virtualtransaction = \(literal: ServerText(snapshot.holder ?? ""))
                                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                                  WHERE d.datname = pg_catalog.current_database()))
            """
        )
        guard try row.integer("n") == 0 else {
            throw PostgresError(
                .snapshotLost,
                "the tables are not locked any more by the session that holds their snapshot"
            )
        }
    }

    /// Refuses a table that was rewritten since the first worker read it.
    ///
    /// - Parameters:
    ///   - mark: The mark of a transaction that reads the snapshot and has locked the table.
    ///   - relation: The table.
    /// - Throws: ``PostgresError`` `.snapshotLost` if the table lies in another file than before.
    func check(_ mark: Mark, of relation: RelationEntry) throws {
        let first = files.withLock { files in
            let first = files[relation.relationId] ?? mark.fileNode
            files[relation.relationId] = first
            return first
        }
        guard first == mark.fileNode else {
            throw PostgresError(
                .snapshotLost,
                "\(relation.name) was rewritten or truncated while it was read in one snapshot"
            )
        }
    }
}
