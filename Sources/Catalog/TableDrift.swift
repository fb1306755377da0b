/// What changed in a table's definition since it was last looked at.
///
/// A new column with a constant default, a type changed without a rewrite, two columns renamed into each other: none of
/// these leaves a trace in `xmin`, so the delta alone would be blind to them.
package struct TableDrift: Sendable, Hashable, CustomStringConvertible {
    package let differences: [String]

    package var isEmpty: Bool { differences.isEmpty }
    package var description: String { differences.joined(separator: "; ") }

    /// Compares all that decides over what a row means.
    ///
    /// - Parameters:
    ///   - earlier: The table as it was.
    ///   - later: The table as it is.
    package init(from earlier: Table, to later: Table) {
        var differences: [String] = []
        if earlier.kind != later.kind { differences.append("it is another kind of relation") }
        if earlier.persistence != later.persistence { differences.append("its persistence changed (logged, unlogged)") }
        if earlier.partitionBound != later.partitionBound { differences.append("its partition bound changed") }
        for column in earlier.columns where later.column(column.name) == nil {
            differences.append("column \"\(column.name)\" is gone")
        }
        for column in later.columns {
            guard let before = earlier.column(column.name) else {
                differences.append("column \"\(column.name)\" is new")
                continue
            }
            if before.type != column.type {
                differences.append("column \"\(column.name)\" was \(before.type) and is \(column.type)")
            }
            if before.collation != column.collation {
                differences.append("column \"\(column.name)\" has another collation")
            }
            if before.generated != column.generated {
                differences.append("column \"\(column.name)\" is generated otherwise")
            }
        }
        let order = earlier.columns.map(\.name).filter { later.column($0) != nil }
        if differences.isEmpty, order != later.columns.map(\.name) {
            differences.append("its columns are in another order, so they were renamed or made anew")
        }
        self.differences = differences
    }
}
