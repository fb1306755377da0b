package import Planning
package import Postgres

/// The rows of the target that this run may delete: those that it has written itself, or that are known to be the source's.
///
/// A row's `xmin` is the transaction that wrote it (PostgreSQL manual, System Columns), and the ledger knows this run's
/// transactions. A row of any other transaction was written by somebody else. That does not matter if the row was there when the
/// target was adopted, or when its chunk was proven: then it is the source's row, whoever wrote it.
package struct OwnRows {
    private let connection: Connection
    /// The target when the rows were last found equal to the source's.
    private let provenAt: Mark?

    /// - Parameters:
    ///   - ledger: The ledger, in the transaction that is to delete rows.
    ///   - proofs: The proof of each chunk that the rows belong to; nil for one that is not proven.
    package init(_ ledger: Ledger, provenBy proofs: [ChunkProof?] = []) {
        connection = ledger.connection
        let marks = proofs.compactMap { $0?.target.mark }
        provenAt = marks.count == proofs.count ? marks.min { $0.snapshot.xmin < $1.snapshot.xmin } : nil
    }

    /// Deletes rows of a table, unless others have written one of them.
    ///
    /// - Parameters:
    ///   - statement: The DELETE without RETURNING; the table's alias is `t`.
    ///   - table: The table, for the error.
    /// - Returns: The number of rows deleted.
    /// - Throws: ``LedgerError`` `.targetWritten` if others have written one of the rows: the open transaction must be rolled
    ///   back; ``PostgresError``.
    package func delete(_ statement: SQL, of table: QualifiedName) throws -> Int {
        let deleted = try connection.queryOne(
            """
            WITH deleted AS (\(statement) RETURNING t.xmin AS writer)
            \(countOthers(among: "deleted"))
            """
        )
        try refuseOthers(deleted, of: table)
        return try deleted.integer("rows")
    }

    /// A query that counts the rows of a table, and those that others have written.
    ///
    /// - Parameter rows: What stands in FROM and after it, with the alias `t` for the table.
    /// - Returns: The query; its row is for ``refuseOthers(_:of:)``.
    package func countOthers(in rows: SQL) -> SQL {
        countOthers(among: "(SELECT t.xmin AS writer FROM \(rows)) AS found")
    }

    /// Refuses to go on if others have written a table's rows.
    ///
    /// - Parameters:
    ///   - counted: The answer to ``countOthers(in:)``.
    ///   - table: The table, for the error.
    /// - Throws: ``LedgerError`` `.targetWritten`, ``PostgresError``.
    package func refuseOthers(_ counted: Row, of table: QualifiedName) throws {
        let others = try counted.integer("others")
        guard others > 0 else { return }
        throw Self.refusal("others have written \(others) rows of \(table) on the target, which would be deleted")
    }

    /// Keeps writers out of a table whose rows are to go all together, and refuses to go on if others have written one of them.
    ///
    /// - Parameters:
    ///   - rows: The table as FROM takes it.
    ///   - table: Its name.
    /// - Throws: ``LedgerError`` `.targetWritten`, ``PostgresError``.
    package func refuseOthers(inAllOf rows: SQL, of table: QualifiedName) throws {
        // Before the rows are counted: no one can add one afterwards.
        try connection.execute("LOCK TABLE \(rows) IN ACCESS EXCLUSIVE MODE")
        try refuseOthers(try connection.queryOne(countOthers(in: "\(rows) AS t")), of: table)
    }

    /// The refusal to go on over what others have written.
    ///
    /// - Parameter message: What they have written.
    /// - Returns: The error.
    package static func refusal(_ message: String) -> LedgerError {
        LedgerError(
            .targetWritten,
            message,
            hint:
                "nothing of theirs was changed. If it may be lost: tidemark precopy --adopt, which takes what is on the target "
                + "for the run's own and replaces what differs; otherwise undo it by hand, and run precopy, which proves it"
        )
    }

    /// Groups by writer first: few transactions have written many rows.
    private func countOthers(among writers: SQL) -> SQL {
        var isOthers: SQL = """
            NOT EXISTS (SELECT FROM tidemark.own_transaction o WHERE o.id = w.writer::text::bigint)
            AND NOT EXISTS (SELECT FROM tidemark.run r
                            WHERE pg_catalog.age(w.writer) > pg_catalog.age(r.adopted_below))
            """
        if let provenAt {
            let border = String(UInt32(truncatingIfNeeded: provenAt.snapshot.xmin))
            isOthers =
                "\(isOthers) AND NOT pg_catalog.age(w.writer) > pg_catalog.age(\(literal: border)::pg_catalog.xid)"
        }
        return """
            SELECT coalesce(sum(w.rows), 0)::bigint AS rows,
                   coalesce(sum(w.rows) FILTER (WHERE \(isOthers)), 0)::bigint AS others
            FROM (SELECT writer, count(*) AS rows FROM \(writers) GROUP BY writer) AS w
            """
    }
}

extension Ledger {
    /// The open transaction, as rows show it in `xmin`.
    static let currentTransaction: SQL = "pg_catalog.txid_current() & 4294967295"

    /// Records that the rows on the target now are this run's, whoever wrote them.
    package func adoptRows() throws {
        let border = UInt32(truncatingIfNeeded: try seenNow().xmin)
        try connection.execute("UPDATE tidemark.run SET adopted_below = \(literal: String(border))::pg_catalog.xid")
    }
}
