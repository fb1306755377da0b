import Postgres

/// The counts from reading a table or a part of it.
package struct TableCount: Sendable {
    package var rows = 0
    /// Rows in ranges that were proven ahead, if that was queried.
    package var proven = 0
    /// Rows among `proven` that were written since a mark.
    package var written = 0
    /// The sum of the hashes of `written`; of all rows, if nothing was proven.
    package var sum: Int128 = 0
    /// Rows not written since, in ranges from which rows were removed.
    package var reduced = 0
    /// The sum of the key hashes of `reduced`.
    package var keys: Int128 = 0
    /// The numbers of the files in which they were counted (`pg_relation_filenode`).
    package var files: Set<Int> = []

    package init(
        rows: Int = 0,
        proven: Int = 0,
        written: Int = 0,
        sum: Int128 = 0,
        reduced: Int = 0,
        keys: Int128 = 0,
        files: Set<Int> = []
    ) {
        self.rows = rows
        self.proven = proven
        self.written = written
        self.sum = sum
        self.reduced = reduced
        self.keys = keys
        self.files = files
    }

    static func + (one: Self, other: Self) -> Self {
        TableCount(
            rows: one.rows + other.rows,
            proven: one.proven + other.proven,
            written: one.written + other.written,
            sum: one.sum + other.sum,
            reduced: one.reduced + other.reduced,
            keys: one.keys + other.keys,
            files: one.files.union(other.files)
        )
    }
}

extension TableCount {
    /// Reads a row with the number of rows and the file in which they were counted.
    ///
    /// - Throws: ``PostgresError``.
    init(ofRows row: Row) throws {
        self.init(rows: try row.integer("rows"), files: try row.files)
    }
}

extension Row {
    /// The file in which rows were counted; none for a table without one.
    ///
    /// - Throws: ``PostgresError``.
    var files: Set<Int> {
        get throws { Set([try integer("file")].filter { $0 > 0 }) }
    }
}
