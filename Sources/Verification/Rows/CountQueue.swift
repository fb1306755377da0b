package import Planning

/// Tables to count in full, several parts of each at a time.
///
/// Parts are given by position. VACUUM FULL and CLUSTER keep the rows that a snapshot sees, but not their positions: if one of
/// them comes between two parts, some rows are read twice and others never. Such a table is counted again.
package struct CountQueue<Table: Hashable & Sendable>: Sendable {
    /// One part of one table.
    package struct Part: Sendable {
        package let table: Table
        package let blocks: BlockRange
    }

    private let all: [Table: [BlockRange]]
    private var open: [Part]
    private var left: [Table: Int]
    private var counts: [Table: TableCount] = [:]

    /// - Parameter tables: Each table with its parts, in the order in which they are counted.
    package init(_ tables: [(table: Table, blocks: [BlockRange])]) {
        all = Dictionary(uniqueKeysWithValues: tables.map { ($0.table, $0.blocks) })
        open = tables.flatMap { entry in entry.blocks.map { Part(table: entry.table, blocks: $0) } }.reversed()
        left = all.mapValues(\.count)
    }

    /// The tables with parts that were not counted.
    package var tables: some Collection<Table> { left.keys }

    /// The number of parts that have not been taken.
    var openParts: Int { open.count }

    /// Takes the next part that has not been taken.
    package mutating func next() -> Part? { open.popLast() }

    /// Removes a table from the queue.
    mutating func remove(_ table: Table) {
        open.removeAll { $0.table == table }
        left[table] = nil
    }

    /// Records the count of a part.
    ///
    /// - Parameters:
    ///   - count: The count.
    ///   - part: The part.
    /// - Returns: The count of the whole table, if this was its last part and all parts lay in one file.
    package mutating func add(_ count: TableCount, of part: Part) -> TableCount? {
        let sum = (counts[part.table] ?? TableCount()) + count
        counts[part.table] = sum
        guard let parts = left[part.table] else { return nil }
        left[part.table] = parts > 1 ? parts - 1 : nil
        guard parts == 1 else { return nil }
        guard sum.files.count <= 1 else {
            begin(part.table)
            return nil
        }
        return sum
    }

    /// Counts all parts of a table once more.
    private mutating func begin(_ table: Table) {
        let blocks = all[table] ?? []
        counts[table] = nil
        left[table] = blocks.count
        open += blocks.reversed().map { Part(table: table, blocks: $0) }
    }
}
