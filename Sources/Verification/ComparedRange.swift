package import Catalog
package import Planning
package import Postgres

/// A part of a table whose rows are compared: a range of its key, or all of it.
package struct ComparedRange: Sendable, Hashable {
    let table: QualifiedName
    let rows: SQL
    let columns: [Column]
    let ofOtherType: Set<String>
    let key: Key?
    let range: KeyRange
    let filter: String?
    let bytes: Int

    /// - Parameters:
    ///   - table: The table, of the same name on both sides.
    ///   - rows: The table as FROM takes it.
    ///   - columns: All columns, generated ones included; named the same on both sides.
    ///   - others: Columns that are of another type on the target.
    ///   - key: What identifies its rows; nil where nothing does.
    ///   - range: The range of the key.
    ///   - filter: What rows of the source fulfil to be on the target; nil: all of them are.
    ///   - bytes: How much there is to read, roughly.
    package init(
        table: QualifiedName,
        rows: SQL,
        columns: [Column],
        ofOtherType others: Set<String>,
        key: Key?,
        range: KeyRange,
        filter: String?,
        bytes: Int
    ) {
        self.table = table
        self.rows = rows
        self.columns = columns
        ofOtherType = others
        self.key = key
        self.range = range
        self.filter = filter
        self.bytes = bytes
    }

    private func condition(_ side: Endpoint.Side) -> SQL {
        let inRange = key.map(range.condition(on:)) ?? "true"
        return "\(inRange) AND \(filterCondition(side))"
    }

    /// The target holds what the filter let through and nothing else: there every row counts.
    private func filterCondition(_ side: Endpoint.Side) -> SQL {
        guard side == .source, let filter else { return "true" }
        return "(\(SQL(trusted: filter)))"
    }

    /// How many rows the whole table has, or should have.
    func countOfTable(_ side: Endpoint.Side) -> SQL {
        "SELECT count(*) AS rows FROM \(rows) WHERE \(filterCondition(side))"
    }

    /// Count and sum of hashes.
    func fingerprint(_ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        """
        SELECT count(*) AS rows, coalesce(sum(\(hash.expression(columns, ofOtherType: ofOtherType))), 0)::text AS fingerprint
        FROM \(rows) WHERE \(condition(side))
        """
    }

    /// Every key with the hash of its row, in an order that depends on no collation.
    func keysAndHashes(_ key: Key, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        let text: SQL = "ROW(\(key.columns.commaSeparated))::text"
        return """
            COPY (SELECT q.k, q.h
                  FROM (SELECT pg_catalog.encode(pg_catalog.convert_to(\(text), 'UTF8'), 'hex') AS k,
                               \(hash.expression(columns, ofOtherType: ofOtherType)) AS h
                        FROM \(rows) WHERE \(condition(side))) AS q
                  ORDER BY q.k COLLATE pg_catalog."C") TO STDOUT
            """
    }
}

/// Count and sum of row hashes of a range.
struct Fingerprint: Hashable {
    let rows: Int
    let sum: String

    init(_ row: Row) throws {
        rows = try row.integer("rows")
        sum = try row.text("fingerprint")
    }
}
