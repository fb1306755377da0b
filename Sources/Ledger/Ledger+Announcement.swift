import FoundationEssentials
import Planning
import Postgres

/// What workers may do now, for other processes to see.
///
/// The client that owns the run announces each piece of work before its own workers begin it, and withdraws it when nothing of
/// it is left. A worker process locks the announcement in each of its transactions (``Ledger/fence()``), so a withdrawal waits
/// for what has been claimed, and nothing can be claimed after it.
extension Ledger {
    /// An announcement that stands.
    package struct Announcement: Sendable {
        /// No other announcement has or had this number.
        package let number: Int
        package let work: AnnouncedWork
    }

    /// Announces work in place of what was announced before; waits for workers that still have some of that.
    ///
    /// - Parameter work: The work.
    /// - Throws: ``PostgresError``.
    package func announce(_ work: AnnouncedWork) throws {
        try withdraw(work.task.kind)
        try connection.execute(
            """
            INSERT INTO tidemark.work (kind, epoch, content)
            VALUES (\(literal: ServerText(work.task.kind.rawValue)), \(value: epoch), \(value: try Self.json(work))::jsonb)
            """
        )
    }

    /// Ends what was announced; waits for workers that still have some of it.
    ///
    /// - Parameter kind: The kind of work.
    /// - Throws: ``PostgresError``.
    package func withdraw(_ kind: AnnouncedWork.Kind) throws {
        try connection.execute("DELETE FROM tidemark.work WHERE kind = \(literal: ServerText(kind.rawValue))")
    }

    /// Ends what was announced if nothing of it is left, also none that other processes have claimed.
    ///
    /// - Parameters:
    ///   - task: What was announced.
    ///   - failed: The numbers of what cannot be done: of tables for slices, of objects for builds.
    /// - Returns: Whether it is over.
    /// - Throws: ``PostgresError``.
    package func withdrawIfOver(_ task: AnnouncedWork.Task, without failed: [Int] = []) throws -> Bool {
        // A claim of an open transaction cannot be seen here: what it holds is still due.
        try connection.query(
            """
            DELETE FROM tidemark.work
            WHERE kind = \(literal: ServerText(task.kind.rawValue)) AND NOT EXISTS (\(left(of: task, without: failed)))
            RETURNING work_id
            """
        ).count == 1
    }

    private func left(of task: AnnouncedWork.Task, without failed: [Int]) -> SQL {
        let numbers = failed.map { "\($0)" as SQL }.joined(separator: ", ")
        switch task {
        case .chunks(let stage):
            return "SELECT FROM tidemark.chunk c JOIN tidemark.relation r USING (relation_id) WHERE \(stage.isDue)"
        case .slices:
            let others: SQL = failed.isEmpty ? "" : "AND relation_id NOT IN (\(numbers))"
            return "SELECT FROM tidemark.slice WHERE rows IS NULL \(others)"
        case .objects(let stages, let pass):
            let others: SQL = failed.isEmpty ? "" : "AND o.object_id NOT IN (\(numbers))"
            return "SELECT FROM tidemark.object o WHERE \(isToBuild(in: stages, settledIn: pass)) \(others)"
        }
    }

    /// Reads what is announced.
    ///
    /// - Parameter kind: The kind of work.
    /// - Returns: The announcement; nil if there is none, also if only an earlier client has left some.
    /// - Throws: ``PostgresError``.
    package func announcement(_ kind: AnnouncedWork.Kind) throws -> Announcement? {
        let row = try connection.query(
            """
            SELECT w.work_id, w.content FROM tidemark.work w JOIN tidemark.run r USING (epoch)
            WHERE w.kind = \(literal: ServerText(kind.rawValue))
            """
        ).first
        return try row.map { row in
            Announcement(
                number: try row.integer("work_id"),
                work: try JSONDecoder().decode(AnnouncedWork.self, from: Data(row.text("content").utf8))
            )
        }
    }
}
