/// Tables that are counted from end to end, several parts of each at a time.
struct CountQueue<Table: Hashable & Sendable>: Sendable {
    /// One part of one table.
    struct Part: Sendable {
        let table: Table
        let blocks: BlockRange
    }

    /// What was counted.
    struct Count: Sendable, Equatable {
        var rows = 0
        /// Those of them that lie in ranges that were proven ahead, where that was asked.
        var proven = 0
        /// Those of these that were written since a mark.
        var written = 0
        /// The sum of the hashes of these.
        var sum: Int128 = 0
        /// Rows not written since, in ranges from which rows have gone.
        var reduced = 0
        /// The sum of the hashes of their keys.
        var keys: Int128 = 0
    }

    private var open: [Part]
    private var left: [Table: Int]
    private var counts: [Table: Count] = [:]

    /// - Parameter tables: Each with its parts, what is to be counted first in front.
    init(_ tables: [(table: Table, blocks: [BlockRange])]) {
        open = tables.flatMap { entry in entry.blocks.map { Part(table: entry.table, blocks: $0) } }.reversed()
        left = Dictionary(uniqueKeysWithValues: tables.map { ($0.table, $0.blocks.count) })
    }

    /// The tables of which not all parts were counted.
    var tables: some Collection<Table> { left.keys }

    /// Takes the next part that nobody has taken.
    mutating func next() -> Part? { open.popLast() }

    /// Leaves a table out.
    mutating func remove(_ table: Table) {
        open.removeAll { $0.table == table }
        left[table] = nil
    }

    /// Takes down what a part holds.
    ///
    /// - Returns: What the whole table holds, if this was the last of its parts.
    mutating func add(_ count: Count, of part: Part) -> Count? {
        var sum = counts[part.table] ?? Count()
        sum.rows += count.rows
        sum.proven += count.proven
        sum.written += count.written
        sum.sum += count.sum
        sum.reduced += count.reduced
        sum.keys += count.keys
        counts[part.table] = sum
        guard let parts = left[part.table] else { return nil }
        left[part.table] = parts > 1 ? parts - 1 : nil
        return parts > 1 ? nil : sum
    }
}
