package import Catalog
package import Ledger
package import Planning
package import Postgres

/// A part of a table whose rows are compared: a range of its key, or all of it.
package struct ComparedRange: Sendable {
    /// Of the same name on both sides.
    let table: QualifiedName
    /// As FROM takes it.
    let rows: SQL
    /// All columns that rows hold on both sides, stored generated ones included; named the same there.
    let columns: [Column]
    /// Columns that are of another type on the target.
    let ofOtherType: Set<ServerText>
    /// What the ranges are cut by; nil where there is only one.
    let key: Key?
    /// What tells one row from another, in a table that is not cut as well.
    let identity: Key?
    let range: KeyRange
    /// What rows of the source fulfil to be on the target; nil: all of them are.
    let filter: String?
    /// How much there is to read, roughly.
    let bytes: Int
    /// Whether the whole table is small, on either side; a partitioned one is not, whatever its partitions are.
    let isSmall: Bool
    /// That its rows were the same before; nil: nobody has compared them.
    let proof: ChunkProof?
    /// Of the whole table, without indexes.
    let tableBytes: (source: Int, target: Int)
    /// The whole table, in the parts it is counted by.
    let blocks: (source: [BlockRange], target: [BlockRange])
    /// Whether these parts are small enough to be hashed whole.
    let isCutInBlocks: Bool

    /// The ranges of all tables that both sides have with the same columns.
    ///
    /// What is missing or otherwise is found by the comparison of the definitions.
    ///
    /// - Parameters:
    ///   - plan: Which tables, and how they are cut.
    ///   - source: What the source has.
    ///   - target: What the target has.
    ///   - proofs: What was proven ahead.
    /// - Returns: The ranges; those of one table leave nothing out.
    package static func all(
        of plan: Plan,
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        provenBy proofs: [QualifiedName: [KeyRange: ChunkProof]]
    ) -> [ComparedRange] {
        let theirs = Dictionary(target.tables.map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })
        let ours = Dictionary(source.tables.map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })
        let indexes = Dictionary(grouping: source.indexes, by: \.tableQualifiedName)
        let order = TextOrder(source.identity, target.identity)
        let identities = ours.mapValues { table in
            Key.choose(for: table, among: indexes[table.qualifiedName] ?? [], earlier: nil, order)
        }
        return plan.tables.filter(\.treatment.bringsRows).flatMap { table -> [ComparedRange] in
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
                && max(table.tableBytes, here.tableBytes, there.tableBytes) <= Ledger.smallBytes
            // What was proven of such values says nothing of what they print as now.
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

    /// Whether it is of a table that is small on either side, and nobody has compared it yet.
    var isSmallAndNew: Bool { isSmall && proof == nil }

    func condition(_ side: Endpoint.Side) -> SQL {
        let inRange = key.map(range.condition(on:)) ?? "true"
        return "\(inRange) AND \(filterCondition(side))"
    }

    /// The target holds what the filter let through and nothing else: there every row counts.
    private func filterCondition(_ side: Endpoint.Side) -> SQL {
        guard side == .source, let filter else { return "true" }
        return "(\(SQL(trusted: filter)))"
    }

    /// How many rows a part of the table has, or should have.
    func count(of part: BlockRange, _ side: Endpoint.Side) -> SQL {
        "SELECT count(*) AS rows FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side))"
    }

    /// The same, and how many of them were written since a mark.
    func count(of part: BlockRange, writtenSince mark: Mark, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, \(Self.written(since: mark)) AS written
        FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side))
        """
    }

    /// How many rows there are, count and sum of hashes of those written since a mark, and the sum of the hashes of all
    /// others' keys where these have to be told from one another.
    ///
    /// The rule of the delta again, in words of its own: what the copier overlooks must not be overlooked here.
    func rowsWritten(since mark: Mark, tellingKeys: Bool, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        let isWritten = Self.isWritten(since: mark)
        let keys: SQL = tellingKeys ? "coalesce(sum(\(keyHash(hash))) FILTER (WHERE NOT (\(isWritten))), 0)" : "0"
        return """
            SELECT count(*) AS rows, \(Self.written(since: mark)) AS written,
                   \(sum(hash, where: isWritten)) AS fingerprint, \(keys)::text AS keys
            FROM \(rows) WHERE \(condition(side))
            """
    }

    /// The hash of what tells a row from all others.
    private func keyHash(_ hash: RowHash) -> SQL {
        let names = Set(identity?.parts.map(\.name) ?? [])
        return hash.expression(columns.filter { names.contains($0.name) }, ofOtherType: ofOtherType)
    }

    /// How many rows a part of the table has, how many of them fulfil a condition, count and sum of hashes of those of
    /// these that were written since a mark, and count and sum of the hashes of the keys of others that fulfil another
    /// condition.
    func rowsWritten(
        since mark: Mark,
        in part: BlockRange,
        where condition: SQL,
        tellingKeysWhere other: SQL?,
        _ hash: RowHash,
        _ side: Endpoint.Side
    ) -> SQL {
        let isWritten: SQL = "\(condition) AND \(Self.isWritten(since: mark))"
        let isOther = other.map { "\(condition) AND \($0) AND NOT (\(Self.isWritten(since: mark)))" as SQL }
        let reduced: SQL = isOther.map { "count(*) FILTER (WHERE \($0))" } ?? "0"
        let keys: SQL = isOther.map { "coalesce(sum(\(keyHash(hash))) FILTER (WHERE \($0)), 0)" } ?? "0"
        return """
            SELECT count(*) AS rows, count(*) FILTER (WHERE \(condition)) AS proven,
                   count(*) FILTER (WHERE \(isWritten)) AS written,
                   \(sum(hash, where: isWritten)) AS fingerprint,
                   \(reduced) AS reduced, \(keys)::text AS keys
            FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side))
            """
    }

    /// How many rows there are, how many of them were written since a mark, and the sum of all hashes.
    func fingerprint(_ hash: RowHash, writtenSince mark: Mark, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, \(Self.written(since: mark)) AS written,
               \(sum(hash)) AS fingerprint
        FROM \(rows) WHERE \(condition(side))
        """
    }

    /// The sum of the hashes of all rows, or of those that fulfil a condition.
    private func sum(_ hash: RowHash, where condition: SQL? = nil) -> SQL {
        let filter: SQL = condition.map { " FILTER (WHERE \($0))" } ?? ""
        return "coalesce(sum(\(hash.expression(columns, ofOtherType: ofOtherType)))\(filter), 0)::text"
    }

    private static func written(since mark: Mark) -> SQL {
        "count(*) FILTER (WHERE \(isWritten(since: mark)))"
    }

    /// Rows of transactions that the mark's snapshot may not have seen: those at or beyond its oldest open one on the
    /// circle of 32-bit ids (PostgreSQL manual 25.1.5).
    private static func isWritten(since mark: Mark) -> SQL {
        let oldest = UInt32(truncatingIfNeeded: mark.snapshot.xmin)
        return "NOT pg_catalog.age(xmin) > pg_catalog.age('\(Int(oldest))'::pg_catalog.xid)"
    }

    /// Count and sum of hashes.
    func fingerprint(_ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, \(sum(hash)) AS fingerprint
        FROM \(rows) WHERE \(condition(side))
        """
    }

    /// The same for a part of the whole table.
    func fingerprint(of part: BlockRange, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, \(sum(hash)) AS fingerprint
        FROM \(rows) WHERE \(part.condition) AND \(filterCondition(side))
        """
    }

    /// The rows as an archive's files have them.
    func lines(_ columns: [ServerText], _ side: Endpoint.Side) -> SQL {
        "COPY (SELECT \(columns.map { Identifier($0) as Identifier }.commaSeparated) FROM \(rows) WHERE \(condition(side))) TO STDOUT"
    }

    /// Every key with the hash of its row, in an order that depends on no collation.
    func keysAndHashes(_ key: Key, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        """
        COPY (SELECT q.k, q.h
              FROM (SELECT \(hexKey(key)) AS k, \(hash.expression(columns, ofOtherType: ofOtherType)) AS h
                    FROM \(rows) WHERE \(condition(side))) AS q
              ORDER BY q.k COLLATE pg_catalog."C") TO STDOUT
        """
    }

    /// A row's key as text, in hexadecimal: sorts by its bytes, and needs no escapes.
    func hexKey(_ key: Key) -> SQL {
        let text: SQL = "ROW(\(key.columns.commaSeparated))::text"
        return "pg_catalog.encode(pg_catalog.convert_to(\(text), 'UTF8'), 'hex')"
    }
}

/// Count and sum of row hashes of a range.
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
