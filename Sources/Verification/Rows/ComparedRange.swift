package import Catalog
package import Planning
package import Postgres

/// A part of a table whose rows are compared: a range of its key, or the whole table.
package struct ComparedRange: Sendable {
    /// The same name on both sides.
    package let table: QualifiedName
    /// The table as written in a FROM clause.
    let rows: SQL
    /// All columns stored in rows on both sides, including stored generated ones; the names are the same.
    let columns: [Column]
    /// Columns that have a different type on the target.
    let ofOtherType: Set<ServerText>
    /// The key that divides the table into ranges; nil if there is only one range.
    let key: Key?
    /// The key that identifies a row, also in a table that is not divided.
    let identity: Key?
    package let range: KeyRange
    /// The condition that selects the source's rows for the target; nil: all rows.
    let filter: String?
    /// Whether the target's table also has rows that do not pass the filter.
    let isShared: Bool
    /// Roughly how much there is to read.
    let bytes: Int
    /// Whether the whole table is small on both sides; a partitioned table never counts as small.
    let isSmall: Bool
    /// The proof that its rows were equal earlier; nil: they have not been compared yet.
    let proof: ChunkProof?
    /// The size of the whole table without indexes.
    let tableBytes: (source: Int, target: Int)
    /// The parts in which the whole table is counted.
    let blocks: (source: [BlockRange], target: [BlockRange])
    /// Whether both servers can read one part of the table without reading the others.
    let isCutInBlocks: Bool

    /// Returns the ranges of all tables that exist on both sides with the same columns.
    ///
    /// The comparison of definitions finds tables and columns that are missing or differ.
    ///
    /// - Parameters:
    ///   - plan: The tables and how they are divided.
    ///   - source: The source's catalog.
    ///   - target: The target's catalog.
    ///   - proofs: The chunks proven ahead.
    /// - Returns: The ranges; the ranges of a table cover it completely.
    package static func all(
        of plan: Plan,
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        provenBy proofs: [QualifiedName: [KeyRange: ChunkProof]]
    ) -> [ComparedRange] {
        let theirs = Dictionary(keepingFirst: target.tables.map { ($0.qualifiedName, $0) })
        let ours = Dictionary(keepingFirst: source.tables.map { ($0.qualifiedName, $0) })
        let indexes = Dictionary(grouping: source.indexes, by: \.tableQualifiedName)
        let order = TextOrder(source.identity, target.identity)
        let identities = ours.mapValues { table in
            Key.choose(for: table, among: indexes[table.qualifiedName] ?? [], earlier: nil, order)
        }
        return plan.tables.filter(\.treatment.copiesRows).flatMap { table -> [ComparedRange] in
            guard let here = ours[table.name], let there = theirs[table.name],
                Set(here.columns.map(\.name)) == Set(there.columns.map(\.name))
            else { return [] }
            let blocks = (
                BlockRange.all(of: here, on: source.identity), BlockRange.all(of: there, on: target.identity)
            )
            let isCutInBlocks =
                BlockRange.canCut(here, on: source.identity) && BlockRange.canCut(there, on: target.identity)
            let others = Set(here.columns.filter { there.column($0.name)?.type != $0.type }.map(\.name))
            let isSmall =
                !here.isPartitioned
                && max(table.tableBytes, here.tableBytes, there.tableBytes) <= TablePlan.smallBytes
            // Such values print a name, which may have changed since they were proven.
            let mayStand = !here.columns.contains { $0.isPrintedByName == true }
            return table.ranges.map { range in
                ComparedRange(
                    table: table.name,
                    rows: here.rows,
                    columns: here.heldColumns.filter { there.column($0.name)?.isHeld == true },
                    ofOtherType: others,
                    key: table.key,
                    identity: table.key ?? identities[table.name] ?? nil,
                    range: range,
                    filter: table.filter,
                    isShared: table.isShared,
                    bytes: table.tableBytes / max(1, table.ranges.count),
                    isSmall: isSmall,
                    proof: mayStand ? proofs[table.name]?[range] : nil,
                    tableBytes: (here.tableBytes, there.tableBytes),
                    blocks: blocks,
                    isCutInBlocks: isCutInBlocks
                )
            }
        }
    }

    /// The number of its rows that were proven ahead; nil if they were not, or if some were removed since.
    package var provenRows: Int? { proof.flatMap { $0.isReduced == true ? nil : $0.rows } }

    /// Whether its table is small on both sides and it has not been compared yet.
    var isSmallAndNew: Bool { isSmall && proof == nil }

    func condition(_ side: Endpoint.Side) -> SQL {
        let inRange = key.map(range.condition(on:)) ?? "true"
        return "\(inRange) AND \(filterCondition(side))"
    }

    /// The target holds only rows that passed the filter, so every row counts there, unless others have rows in the table.
    private func filterCondition(_ side: Endpoint.Side) -> SQL {
        guard side == .source || isShared, let filter else { return "true" }
        return "(\(SQL(trusted: filter)))"
    }

    /// The number of the file that is read, as the column `file`; 0 for a table that has none.
    ///
    /// The statement has locked the table by then, so it is the file whose rows are read.
    private var file: SQL {
        """
        coalesce(pg_catalog.pg_relation_filenode(\(literal: table.quoted)::pg_catalog.regclass), 0)::bigint AS file
        """
    }

    /// Counts the rows of a part of the table; on the source, only those that pass the filter.
    func count(of part: BlockRange, _ side: Endpoint.Side) -> SQL {
        "SELECT count(*) AS rows, \(file) FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side))"
    }

    /// Counts the rows of a part of the table, and how many of them were written since a mark.
    func count(of part: BlockRange, writtenSince mark: Mark, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, \(Self.written(since: mark)) AS written, \(file)
        FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side))
        """
    }

    /// Reads the number of rows, the count and sum of hashes of rows written since a mark, and (with `withKeys`) the
    /// sum of the key hashes of all other rows.
    ///
    /// It applies the delta's rule, but is written separately: an error in the copier must not be repeated here.
    func rowsWritten(since mark: Mark, withKeys: Bool, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        let isWritten = ProofRule.isWritten(since: mark)
        let keys: SQL = withKeys ? "coalesce(sum(\(keyHash(hash))) FILTER (WHERE NOT (\(isWritten))), 0)" : "0"
        return """
            SELECT count(*) AS rows, \(Self.written(since: mark)) AS written,
                   \(sum(hash, where: isWritten)) AS fingerprint, \(keys)::text AS keys
            FROM \(rows) WHERE \(condition(side))
            """
    }

    /// The hash of the key that identifies a row.
    private func keyHash(_ hash: RowHash) -> SQL {
        let names = Set(identity?.parts.map(\.name) ?? [])
        return hash.expression(columns.filter { names.contains($0.name) }, ofOtherType: ofOtherType)
    }

    /// Reads from a part of the table: the number of rows; how many satisfy `condition`; of these, the count and sum of
    /// hashes of rows that satisfy `isNew`; and of the rest that also satisfy `other`, the count and the sum of key
    /// hashes.
    func rowsWritten(
        _ isNew: SQL,
        in part: BlockRange,
        where condition: SQL,
        withKeysWhere other: SQL?,
        _ hash: RowHash,
        on side: Endpoint.Side
    ) -> SQL {
        let isWritten: SQL = "\(condition) AND \(isNew)"
        let isOther = other.map { "\(condition) AND \($0) AND NOT (\(isNew))" as SQL }
        let reduced: SQL = isOther.map { "count(*) FILTER (WHERE \($0))" } ?? "0"
        let keys: SQL = isOther.map { "coalesce(sum(\(keyHash(hash))) FILTER (WHERE \($0)), 0)" } ?? "0"
        return """
            SELECT count(*) AS rows, count(*) FILTER (WHERE \(condition)) AS proven,
                   count(*) FILTER (WHERE \(isWritten)) AS written,
                   \(sum(hash, where: isWritten)) AS fingerprint,
                   \(reduced) AS reduced, \(keys)::text AS keys, \(file)
            FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side))
            """
    }

    /// Reads the number of rows, how many of them were written since a mark, and the sum of all hashes.
    func fingerprint(_ hash: RowHash, writtenSince mark: Mark, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, \(Self.written(since: mark)) AS written,
               \(sum(hash)) AS fingerprint
        FROM \(rows) WHERE \(condition(side))
        """
    }

    /// Reads the number of rows not written since a mark with the sum of their hashes, and how many were written since.
    func untouchedFingerprint(_ hash: RowHash, since mark: Mark, _ side: Endpoint.Side) -> SQL {
        let isUntouched: SQL = "NOT (\(ProofRule.isWritten(since: mark)))"
        return """
            SELECT count(*) FILTER (WHERE \(isUntouched)) AS rows, \(Self.written(since: mark)) AS written,
                   \(sum(hash, where: isUntouched)) AS fingerprint
            FROM \(rows) WHERE \(condition(side))
            """
    }

    /// Reads from a part of the table, by the value of an expression (`chunk`): the number of rows that satisfy a condition,
    /// the sum of their hashes, and how many rows satisfy another.
    func counts(
        of part: BlockRange,
        by number: SQL,
        counting condition: SQL,
        and other: SQL,
        _ hash: RowHash,
        on side: Endpoint.Side
    ) -> SQL {
        """
        SELECT \(number) AS chunk, count(*) FILTER (WHERE \(condition)) AS rows,
               \(sum(hash, where: condition)) AS fingerprint, count(*) FILTER (WHERE \(other)) AS written
        FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side)) GROUP BY 1
        """
    }

    /// The sum of the hashes of all rows, or of those that satisfy a condition.
    private func sum(_ hash: RowHash, where condition: SQL? = nil) -> SQL {
        let filter: SQL = condition.map { " FILTER (WHERE \($0))" } ?? ""
        return "coalesce(sum(\(hash.expression(columns, ofOtherType: ofOtherType)))\(filter), 0)::text"
    }

    private static func written(since mark: Mark) -> SQL {
        "count(*) FILTER (WHERE \(ProofRule.isWritten(since: mark)))"
    }

    /// Reads the count and the sum of hashes.
    func fingerprint(_ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, \(sum(hash)) AS fingerprint
        FROM \(rows) WHERE \(condition(side))
        """
    }

    /// Reads the count and the sum of hashes of a part of the whole table.
    func fingerprint(of part: BlockRange, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, \(sum(hash)) AS fingerprint, \(file)
        FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side))
        """
    }

    /// Reads the rows in the form they have in an archive's files.
    func lines(_ columns: [ServerText], _ side: Endpoint.Side) -> SQL {
        "COPY (SELECT \(columns.map { Identifier($0) as Identifier }.commaSeparated) FROM \(rows) WHERE \(condition(side))) TO STDOUT"
    }

    /// Reads every key with the hash of its row and whether it was written since a mark (without one: no), in an order that
    /// does not depend on a collation.
    func keysAndHashes(of key: Key, _ hash: RowHash, writtenSince mark: Mark? = nil, _ side: Endpoint.Side) -> SQL {
        let isWritten: SQL = mark.map { ProofRule.isWritten(since: $0) } ?? "false"
        return """
            COPY (SELECT q.k, q.h, q.w
                  FROM (SELECT \(hexKey(key)) AS k, \(hash.expression(columns, ofOtherType: ofOtherType)) AS h, \(isWritten) AS w
                        FROM \(rows) WHERE \(condition(side))) AS q
                  ORDER BY q.k COLLATE pg_catalog."C") TO STDOUT
            """
    }

    /// A row's key as text, in hexadecimal: it sorts by its bytes and needs no escapes.
    func hexKey(_ key: Key) -> SQL {
        let text: SQL = "ROW(\(key.columns.commaSeparated))::text"
        return "pg_catalog.encode(pg_catalog.convert_to(\(text), 'UTF8'), 'hex')"
    }
}

/// The count and the sum of row hashes of a range.
struct Fingerprint: Hashable {
    let rows: Int
    let sum: String

    init(rows: Int, sum: String) {
        self.rows = rows
        self.sum = sum
    }

    init(_ row: Row) throws {
        rows = try row.integer("rows")
        sum = try row.word("fingerprint")
    }
}
