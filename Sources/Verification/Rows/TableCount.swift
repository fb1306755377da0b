/// The counts from reading a table or a part of it.
package struct TableCount: Sendable, Equatable {
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

    package init(rows: Int = 0, proven: Int = 0, written: Int = 0, sum: Int128 = 0, reduced: Int = 0, keys: Int128 = 0)
    {
        self.rows = rows
        self.proven = proven
        self.written = written
        self.sum = sum
        self.reduced = reduced
        self.keys = keys
    }

    static func + (one: Self, other: Self) -> Self {
        TableCount(
            rows: one.rows + other.rows,
            proven: one.proven + other.proven,
            written: one.written + other.written,
            sum: one.sum + other.sum,
            reduced: one.reduced + other.reduced,
            keys: one.keys + other.keys
        )
    }
}
