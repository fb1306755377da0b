import FoundationEssentials
import Planning
import Postgres

/// What workers may do now, for other processes to see.
///
/// The client that owns the run announces each piece of work before its own workers begin it, and withdraws it when nothing of
/// it is left. A worker process locks the announcement in each of its transactions (``Ledger/fence()``), so it is withdrawn only
/// after what has been claimed, and nothing can be claimed after it is closed.
extension Ledger {
    /// An announcement that stands.
    package struct Announcement: Sendable {
        /// No other announcement has or had this number.
        package let number: Int
        package let work: AnnouncedWork
    }

    /// Announces work; what was announced before must be withdrawn.
    ///
    /// - Parameter work: The work.
    /// - Throws: ``PostgresError``.
    package func announce(_ work: AnnouncedWork) throws {
        try connection.execute(
            """
            INSERT INTO tidemark.work (kind, epoch, content)
            VALUES (\(literal: ServerText(work.task.kind.rawValue)), \(value: epoch), \(value: try Self.json(work))::jsonb)
            """
        )
    }

    /// Lets nothing more of what was announced be claimed; waits for nobody.
    ///
    /// - Parameter kind: The kind of work.
    /// - Throws: ``PostgresError``.
    package func close(_ kind: AnnouncedWork.Kind) throws {
        // Workers lock the row FOR KEY SHARE, which an update of this column does not wait for.
        try connection.execute(
            "UPDATE tidemark.work SET is_closed = true WHERE kind = \(literal: ServerText(kind.rawValue))"
        )
    }

    /// Ends what was announced, unless workers still have some of it; does not wait for them.
    ///
    /// - Parameter kind: The kind of work.
    /// - Returns: Whether nothing of that kind is announced now.
    /// - Throws: ``PostgresError``.
    package func withdraw(_ kind: AnnouncedWork.Kind) throws -> Bool {
        try withdraw(where: "kind = \(literal: ServerText(kind.rawValue))")
        return try connection.query(
            "SELECT FROM tidemark.work WHERE kind = \(literal: ServerText(kind.rawValue))"
        ).isEmpty
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
        try withdraw(
            where: """
                kind = \(literal: ServerText(task.kind.rawValue)) AND NOT EXISTS (\(left(of: task, without: failed)))
                """
        ) == 1
    }

    @discardableResult
    private func withdraw(where condition: SQL) throws -> Int {
        try connection.query(
            """
            DELETE FROM tidemark.work
            WHERE work_id IN (SELECT work_id FROM tidemark.work WHERE \(condition) FOR UPDATE SKIP LOCKED)
            RETURNING work_id
            """
        ).count
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
            WHERE w.kind = \(literal: ServerText(kind.rawValue)) AND NOT w.is_closed
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
