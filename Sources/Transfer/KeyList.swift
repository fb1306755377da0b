import Ledger
import Planning
import Postgres

/// Keys of a chunk's rows in a temporary table of the target, to remove rows by; it goes with the open transaction.
struct KeyList {
    private let target: Connection
    private let relation: RelationEntry
    private let key: Key
    private let name: Identifier

    /// Makes the list.
    ///
    /// - Parameters:
    ///   - name: What the temporary table is called.
    ///   - relation: The table whose rows' keys it holds.
    ///   - key: The key.
    ///   - target: The target, with an open transaction.
    ///   - fill: Loads the keys by the COPY it is given.
    /// - Throws: ``PostgresError``, and what `fill` throws.
    init(
        _ name: Identifier,
        of relation: RelationEntry,
        _ key: Key,
        on target: Connection,
        fill: (_ copyIn: SQL) throws -> Void
    ) throws {
        self.target = target
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
        // Without statistics the planner takes the list for a thousand rows and may nest loops over it.
        try target.execute("ANALYZE pg_temp.\(name)")
    }

    /// Removes the rows whose keys are in the list.
    ///
    /// - Returns: How many there were.
    /// - Throws: ``PostgresError``.
    func deleteListed() throws -> Int {
        try target.execute("DELETE FROM \(relation.rows) AS t USING pg_temp.\(name) AS k WHERE \(key.isSame("t", "k"))")
    }

    /// Removes the rows of a range whose keys are not in the list.
    ///
    /// - Parameter inRange: The condition on the range.
    /// - Returns: How many there were.
    /// - Throws: ``PostgresError``.
    func deleteOthers(where inRange: SQL) throws -> Int {
        try target.execute(
            """
            DELETE FROM \(relation.rows) AS t
            WHERE \(inRange) AND NOT EXISTS (SELECT FROM pg_temp.\(name) AS k WHERE \(key.isSame("t", "k")))
            """
        )
    }
}
