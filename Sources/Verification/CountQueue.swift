/// Tables that are counted from end to end, several parts of each at a time.
package struct CountQueue<Table: Hashable & Sendable>: Sendable {
    /// One part of one table.
    package struct Part: Sendable {
        package let table: Table
        package let blocks: BlockRange
    }

    private var open: [Part]
    private var left: [Table: Int]
    private var counts: [Table: TableCount] = [:]

    /// - Parameter tables: Each with its parts, what is to be counted first in front.
    package init(_ tables: [(table: Table, blocks: [BlockRange])]) {
        open = tables.flatMap { entry in entry.blocks.map { Part(table: entry.table, blocks: $0) } }.reversed()
        left = Dictionary(uniqueKeysWithValues: tables.map { ($0.table, $0.blocks.count) })
    }

    /// The tables of which not all parts were counted.
    package var tables: some Collection<Table> { left.keys }

    /// Takes the next part that nobody has taken.
    package mutating func next() -> Part? { open.popLast() }

    /// Leaves a table out.
    mutating func remove(_ table: Table) {
        open.removeAll { $0.table == table }
        left[table] = nil
    }

    /// Takes down what a part holds.
    ///
    /// - Returns: What the whole table holds, if this was the last of its parts.
    package mutating func add(_ count: TableCount, of part: Part) -> TableCount? {
        let sum = (counts[part.table] ?? TableCount()) + count
        counts[part.table] = sum
        guard let parts = left[part.table] else { return nil }
        left[part.table] = parts > 1 ? parts - 1 : nil
        return parts > 1 ? nil : sum
    }
}
