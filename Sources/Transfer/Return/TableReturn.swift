import Catalog
package import Ledger
import Planning
package import Postgres

/// One table on the way back: what was written to the target since the cutover is copied to the old source.
///
/// A lane's source is the target of the cutover here, in a shared snapshot; its target is the old source, in an open transaction.
package struct TableReturn: Sendable {
    package let relation: RelationEntry
    /// How the two sides were left equal.
    private let base: ReturnBase

    package init(_ relation: RelationEntry, since base: ReturnBase) {
        self.relation = relation
        self.base = base
    }

    /// What was written to the table.
    package struct Probe: Sendable {
        let written: Int
        let untouched: Int
        /// Whether both sides are still equal.
        package let isUnchanged: Bool
        /// The rows it has.
        package var rows: Int { written + untouched }
    }

    private var held: Int { base.rows[relation.relationId] ?? 0 }
    private var byKey: Key? { relation.treatment.isCopiedAhead ? relation.key : nil }

    private func read(_ lane: Lane) -> ChunkSource {
        ChunkSource(lane.source, relation: relation, range: .everything)
    }

    /// Counts what was written since.
    ///
    /// - Parameter lane: A lane whose source reads the snapshot.
    /// - Returns: The counts.
    /// - Throws: ``PlanError`` if the new database has rows that do not belong to the run; ``PostgresError``.
    package func probe(on lane: Lane) throws -> Probe {
        try refuseRowsBesideCondition(on: lane.source)
        let probe = try during("reading \(relation.name)") { try read(lane).probe(since: base.mark) }
        return Probe(
            written: probe.written,
            untouched: probe.untouched,
            isUnchanged: probe.written == 0 && probe.untouched == held
        )
    }

    /// Rows that do not satisfy the run's condition any more would be deleted on the old source, and copied nowhere.
    private func refuseRowsBesideCondition(on new: Connection) throws {
        guard let filter = relation.rowFilter else { return }
        let rows = try during("reading \(relation.name)") {
            try new.queryOne("SELECT count(*) AS n FROM \(relation.rows) WHERE (\(SQL(trusted: filter))) IS NOT TRUE")
        }.integer("n")
        guard rows > 0 else { return }
        throw PlanError(
            .refused,
            "\(rows) row(s) of \(relation.name) on the new database do not satisfy the condition by which its rows were moved "
                + "(\(filter)), so they would not be copied back",
            hint: "nothing was changed. Move these rows by hand, or change them so that they satisfy it"
        )
    }

    /// Says what others have written to the old source since; nil: nothing.
    ///
    /// A transaction that was in flight when the old source was left counts as later: it could not have been copied.
    ///
    /// - Parameter old: A connection to the old source, whose tables are locked against writers.
    /// - Returns: The table and what was written to it, for people.
    /// - Throws: ``PostgresError``.
    package func foreignWrites(on old: Connection) throws -> String? {
        let found = try during("looking for writes to \(relation.name)") {
            try old.queryOne(
                """
                SELECT count(*) AS rows, count(*) FILTER (WHERE \(base.isLater)) AS written
                FROM \(relation.rows) WHERE \(relation.condition(on: .everything))
                """
            )
        }
        let (rows, written) = (try found.integer("rows"), try found.integer("written"))
        guard written > 0 || rows != held else { return nil }
        return "\(relation.name) (\(rows) rows, \(written) of them written since; there were \(held))"
    }

    /// Makes the old source's table equal to the snapshot.
    ///
    /// - Parameters:
    ///   - probe: What was written.
    ///   - lane: The lane, with the transaction in which everything is copied back.
    ///   - progress: Counts what is copied.
    /// - Throws: ``PostgresError``.
    package func copyBack(_ probe: Probe, on lane: Lane, _ progress: TransferProgress) throws {
        try during("copying back \(relation.name)") {
            let source = read(lane)
            let statements: [SQL]
            if let key = byKey {
                // The old source also has the rows that the run has left out.
                let left = try Shedder(
                    lane: lane,
                    own: nil,
                    chunk: source,
                    key: key,
                    mark: base.mark,
                    heldWhere: source.inRange
                ).shed(held: held, probe: ChunkSource.Probe(written: probe.written, untouched: probe.untouched))
                guard left == probe.untouched else {
                    throw PostgresError(
                        .unexpectedAnswer,
                        "the old source does not have the rows of \(relation.name) that it was left with",
                        hint: "compare it row by row: tidemark precopy --adopt with the databases exchanged"
                    )
                }
                statements = source.writtenRows(since: base.mark, at: nil)
            } else {
                try lane.target.execute("DELETE FROM \(relation.rows) WHERE \(source.inRange)")
                statements = [source.allRows]
            }
            let columns: SQL = relation.columns.isEmpty ? "" : " (\(relation.columns.commaSeparated))"
            let copied = try statements.reduce(CopyCount.zero) { count, statement in
                do {
                    return try count
                        + lane.source.relay(
                            statement,
                            to: lane.target,
                            "COPY \(relation.name)\(columns) FROM STDIN \(relation.format.clause)",
                            progress: progress.addBytes
                        )
                } catch var error as PostgresError where error.sqlState == "23505" && relation.rowFilter != nil {
                    error.hint =
                        "nothing was changed. Both databases gave out the same key since the cutover, the old one to a row that was not "
                        + "moved: give one of the two rows another key"
                    throw error
                }
            }
            let removed = byKey == nil ? held : held - probe.untouched
            progress.finishChunk(ChunkOutcome(kind: .delta, copied: copied, removed: removed))
        }
    }

    /// Compares the rows that were copied back, by their hashes, and the number of all.
    ///
    /// All other rows are those that the cutover has proven to be equal: neither side has written them since.
    ///
    /// - Parameters:
    ///   - probe: What was written.
    ///   - lane: The lane.
    ///   - isOwn: The condition for rows that the open transaction has written.
    /// - Returns: What differs; nil: nothing.
    /// - Throws: ``PostgresError``.
    package func difference(_ probe: Probe, on lane: Lane, where isOwn: SQL) throws -> String? {
        let hash = try lane.commonHash()
        let inRange = relation.condition(on: .everything)
        let isWritten: SQL = byKey == nil ? "true" : DeltaRule.isWritten(since: base.mark)
        func sums(_ condition: SQL, on connection: Connection) throws -> (all: Int, rows: Int, sum: String) {
            let row = try connection.queryOne(
                """
                SELECT count(*) AS "all", count(*) FILTER (WHERE \(condition)) AS rows,
                       coalesce(sum(\(hash.expression(relation.definition.heldColumns))) FILTER (WHERE \(condition)), 0)::text AS sum
                FROM \(relation.rows) WHERE \(inRange)
                """
            )
            return (try row.integer("all"), try row.integer("rows"), try row.word("sum"))
        }
        let ours = try sums(isWritten, on: lane.source)
        let theirs = try sums(isOwn, on: lane.target)
        guard ours != theirs else { return nil }
        return
            "\(relation.name) (\(ours.rows) rows to copy back of \(ours.all), \(theirs.rows) arrived of \(theirs.all))"
    }
}
