import Ledger
import Planning
import Postgres

/// Keys of a chunk's rows in a temporary table of the target, used to delete rows; dropped with the open transaction.
struct KeyList {
    private let target: Connection
    private let own: OwnRows?
    private let relation: RelationEntry
    private let key: Key
    private let name: Identifier

    /// Creates and fills the list.
    ///
    /// - Parameters:
    ///   - name: The name of the temporary table.
    ///   - relation: The table whose keys it contains.
    ///   - key: The key that identifies the table's rows.
    ///   - target: A connection to the target, with an open transaction.
    ///   - own: The rows that may be deleted; nil: any.
    ///   - fill: Loads the keys with the given COPY.
    /// - Throws: ``PostgresError``, and what `fill` throws.
    init(
        _ name: Identifier,
        of relation: RelationEntry,
        _ key: Key,
        on target: Connection,
        deleting own: OwnRows?,
        fill: (_ copyIn: SQL) throws -> Void
    ) throws {
        self.target = target
        self.own = own
        self.relation = relation
        self.key = key
        self.name = name
        let columns = key.columns.commaSeparated
        try target.execute(
            """
            DROP TABLE IF EXISTS pg_temp.\(name);
            CREATE TEMPORARY TABLE \(name) ON COMMIT DROP AS SELECT \(columns) FROM \(relation.rows) WITH NO DATA
            """
        )
        try fill("COPY pg_temp.\(name) (\(columns)) FROM STDIN \(CopyFormat.text.clause)")
        // Without statistics the planner assumes a thousand rows and may choose a nested loop.
        try target.execute("ANALYZE pg_temp.\(name)")
    }

    /// Deletes the rows whose keys are in the list.
    ///
    /// - Parameter condition: Which of them; nil: all, because the table has only rows of the run.
    /// - Returns: The number of rows deleted.
    /// - Throws: ``PostgresError``; ``LedgerError`` if others have written one of them.
    func deleteListed(where condition: SQL? = nil) throws -> Int {
        guard relation.isShared || condition != nil else {
            return try delete(
                "DELETE FROM \(relation.rows) AS t USING pg_temp.\(name) AS k WHERE \(key.isSame("t", "k"))"
            )
        }
        return try delete(
            "DELETE FROM \(relation.rows) AS t WHERE \(condition ?? "true") AND \(relation.held) AND EXISTS (\(listed))"
        )
    }

    /// The line of the list with the key of a row `t`.
    private var listed: SQL { "SELECT FROM pg_temp.\(name) AS k WHERE \(key.isSame("t", "k"))" }

    /// Counts the rows whose keys are in the list.
    ///
    /// - Parameter group: An expression over the columns of the key.
    /// - Returns: The number of rows for each of its values.
    /// - Throws: ``PostgresError``.
    func count(by group: SQL) throws -> [Int: Int] {
        let columns = key.columns.map { "t.\($0)" as SQL }.joined(separator: ", ")
        let rows = try target.query(
            """
            SELECT \(group) AS number, count(*) AS rows
            FROM (SELECT \(columns) FROM \(relation.rows) AS t WHERE \(relation.held) AND EXISTS (\(listed))) AS listed
            GROUP BY 1
            """
        )
        return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.integer("number"), try $0.integer("rows")) })
    }

    /// Deletes the rows of a range whose keys are not in the list.
    ///
    /// - Parameter inRange: The condition that selects the range.
    /// - Returns: The number of rows deleted.
    /// - Throws: ``PostgresError``; ``LedgerError`` if others have written one of them.
    func deleteOthers(where inRange: SQL) throws -> Int {
        try delete(
            """
            DELETE FROM \(relation.rows) AS t
            WHERE \(inRange) AND \(relation.held) AND NOT EXISTS (\(listed))
            """
        )
    }

    private func delete(_ statement: SQL) throws -> Int {
        guard let own else { return try target.execute(statement) }
        return try own.delete(statement, of: relation.name)
    }
}
