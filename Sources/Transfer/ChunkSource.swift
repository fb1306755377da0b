import Archive
import Catalog
package import Ledger
package import Planning
package import Postgres

/// One chunk on the source, read in the transaction that is open there.
struct ChunkSource {
    let connection: Connection
    let relation: RelationEntry
    let range: KeyRange

    init(_ connection: Connection, relation: RelationEntry, range: KeyRange) {
        self.connection = connection
        self.relation = relation
        self.range = range
    }

    /// The number of the chunk's rows written since a mark, and of those that were not.
    struct Probe {
        let written: Int
        let untouched: Int
        /// Where the written rows lie; nil if that is not known.
        var places: RowPlaces?
    }

    func probe(since mark: Mark) throws -> Probe {
        let row = try connection.queryOne(
            """
            SELECT count(*) FILTER (WHERE \(DeltaRule.isWritten(since: mark))) AS written, count(*) AS rows
            FROM \(relation.rows) WHERE \(inRange)
            """
        )
        let written = try row.integer("written")
        return Probe(written: written, untouched: try row.integer("rows") - written)
    }

    /// COPY of all rows of the chunk.
    var allRows: SQL {
        let columns = relation.columns.commaSeparated
        if range == .everything, relation.rowFilter == nil, !relation.definition.isPartitioned {
            // The plain form accepts only a table and does not include its children.
            let list: SQL = relation.columns.isEmpty ? "" : " (\(columns))"
            return "COPY \(relation.name)\(list) TO STDOUT \(relation.format.clause)"
        }
        return
            "COPY (SELECT \(columns) FROM \(relation.rows) WHERE \(inRange)) TO STDOUT \(relation.format.clause)"
    }

    /// COPY of the rows in a part of the table's file that a mark sees.
    ///
    /// A row that the mark sees and that is still there lies where it lay. So parts may be read in different snapshots: no row
    /// is missed or read twice, and no key is read twice, because a row and the one that replaced it are never both seen.
    ///
    /// - Parameters:
    ///   - blocks: The part.
    ///   - mark: The mark; nil: it is of the snapshot that is read, which sees just the rows to copy.
    /// - Returns: The statement.
    func rows(in blocks: BlockRange, seenBy mark: Mark?) -> SQL {
        let isSeen: SQL = mark.map { "NOT (\(DeltaRule.isWritten(since: $0)))" } ?? "true"
        return """
            COPY (SELECT \(relation.columns.commaSeparated) FROM \(relation.rows)
                  WHERE \(blocks.condition) AND \(isSeen) AND \(inRange))
            TO STDOUT \(relation.format.clause)
            """
    }

    /// COPY statements that together return the rows written since a mark.
    ///
    /// - Parameters:
    ///   - mark: The mark.
    ///   - last: A mark that sees them; nil: it is the snapshot that is read.
    ///   - places: Where these rows lie in this snapshot; nil: the chunk is searched for them.
    /// - Returns: The statements, usually one.
    func writtenRows(since mark: Mark, upTo last: Mark? = nil, at places: RowPlaces?) -> [SQL] {
        written(since: mark, upTo: last, at: places).map { condition in
            """
            COPY (SELECT \(relation.columns.commaSeparated) FROM \(relation.rows) WHERE \(condition))
            TO STDOUT \(relation.format.clause)
            """
        }
    }

    /// Conditions that together select the rows written since a mark.
    private func written(since mark: Mark, upTo last: Mark?, at places: RowPlaces?) -> [SQL] {
        var isWritten: SQL = "\(inRange) AND \(DeltaRule.isWritten(since: mark))"
        if let last { isWritten = "\(isWritten) AND NOT (\(DeltaRule.isWritten(since: last)))" }
        return places?.conditions(where: isWritten) ?? [isWritten]
    }

    /// Count and sum of the rows' hashes.
    func fingerprint(_ hash: RowHash) throws -> (rows: Int, sum: String) {
        let row = try connection.queryOne(
            """
            SELECT count(*) AS rows, coalesce(sum(\(hash.expression(relation.definition.heldColumns))), 0)::text AS sum
            FROM \(relation.rows) WHERE \(inRange)
            """
        )
        return (try row.integer("rows"), try row.word("sum"))
    }

    /// Count and sum of the hashes of the lines that ``allRows`` returns.
    func lineSum() throws -> LineSum {
        var sum = LineSum()
        try connection.beginCopyOut(allRows)
        while try connection.nextCopyMessage({ sum.add($0) }) != nil {}
        try connection.endCopyOut()
        return sum
    }

    /// COPY of the keys of the rows written since a mark, as several statements if their places are given.
    func writtenKeys(_ key: Key, since mark: Mark, upTo last: Mark? = nil, at places: RowPlaces?) -> [SQL] {
        written(since: mark, upTo: last, at: places).map { keys(key, where: $0) }
    }

    /// COPY of the keys of the rows in a part of the file that are not among those written.
    func untouchedKeys(_ key: Key, in blocks: BlockRange, unless isWritten: SQL) -> SQL {
        keys(key, where: "\(blocks.condition) AND \(inRange) AND NOT (\(isWritten))")
    }

    /// COPY of the keys of all rows but those written since a mark.
    func untouchedKeys(_ key: Key, since mark: Mark) -> SQL {
        keys(key, where: "\(inRange) AND NOT (\(DeltaRule.isWritten(since: mark)))")
    }

    private func keys(_ key: Key, where condition: SQL) -> SQL {
        """
        COPY (SELECT \(key.columns.commaSeparated) FROM \(relation.rows)
              WHERE \(condition)) TO STDOUT \(CopyFormat.text.clause)
        """
    }

    /// The number of rows the chunk has now; the server may count them in an index alone.
    func count() throws -> Int {
        try connection.queryOne("SELECT count(*) AS rows FROM \(relation.rows) WHERE \(inRange)").integer("rows")
    }

    var inRange: SQL { relation.condition(on: range) }
}

extension RelationEntry {
    /// The condition that selects the copied rows of a range of the source.
    package func condition(on range: KeyRange) -> SQL {
        let inRange = key.map(range.condition(on:)) ?? "true"
        guard let rowFilter else { return inRange }
        return "\(inRange) AND (\(SQL(trusted: rowFilter)))"
    }

    /// Locks the table against changes of its definition, then takes the mark.
    ///
    /// The lock comes first, so that no change can happen in between. Checks that the name still refers to the table in
    /// the ledger.
    ///
    /// - Parameters:
    ///   - source: A connection to the source, in a transaction.
    ///   - identity: The identity of that database.
    /// - Returns: The mark for chunks read in this transaction.
    /// - Throws: ``PostgresError``.
    func takeMark(on source: Connection, _ identity: MarkIdentity) throws -> Mark {
        try Self.lockAgainstChanges([self], on: source)
        return try checked(TableState(of: name, on: source, identity))
    }

    /// Locks several tables and takes their marks, in two statements.
    ///
    /// - Parameters:
    ///   - relations: The tables.
    ///   - source: A connection to the source, in a transaction.
    ///   - identity: The identity of that database.
    /// - Returns: Their marks, by the tables' ids in the ledger.
    /// - Throws: ``PostgresError``.
    static func takeMarks(of relations: [RelationEntry], on source: Connection, _ identity: MarkIdentity) throws
        -> [Int: Mark]
    {
        try lockAgainstChanges(relations, on: source)
        let states = try TableState.all(of: relations.map(\.name), on: source, identity)
        return try Dictionary(
            uniqueKeysWithValues: relations.map { ($0.relationId, try $0.checked(states[$0.name])) }
        )
    }

    private static func lockAgainstChanges(_ relations: [RelationEntry], on source: Connection) throws {
        let tables = relations.map(\.rows).joined(separator: ", ")
        try source.execute(
            "SET LOCAL lock_timeout = \(LockedTable.patience); LOCK TABLE \(tables) IN ACCESS SHARE MODE"
        )
    }

    private func checked(_ state: TableState?) throws -> Mark {
        guard let state, state.mark.tableOid == definition.oid, state.kind == definition.kind.rawValue else {
            throw PostgresError(
                .unexpectedAnswer,
                "\(name) is no longer the same table: it was just dropped, swapped or renamed",
                hint: "run the same command again: it follows the change, or reports why it cannot"
            )
        }
        // A mark taken now would hide what a change of the columns did to the rows.
        guard state.isLaidOut(as: definition) else {
            throw PostgresError(
                .unexpectedAnswer,
                "the columns or partitions of \(name) have just changed",
                hint: "run the same command again: it follows the change, or reports why it cannot"
            )
        }
        return state.mark
    }
}
