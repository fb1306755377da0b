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
    private let files = Mutex<[Int: UInt32]>([:])

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
