package import Postgres

extension KeyRange {
    /// The expression that returns, for each row, the value given for the range its key lies in.
    ///
    /// It finds the range by halving, with the comparisons that the ranges' own conditions make.
    ///
    /// - Parameters:
    ///   - values: Adjacent ranges in the order of the key, which cover all keys, with their values; at least one.
    ///   - key: The key.
    /// - Returns: The expression.
    package static func choice(among values: [(range: KeyRange, value: SQL)], by key: Key) -> SQL {
        var runs: [(lower: [ServerText]?, value: SQL)] = []
        for (range, value) in values where runs.last?.value != value { runs.append((range.lower, value)) }
        func choice(_ positions: Range<Int>) -> SQL {
            guard positions.count > 1 else { return runs[positions.lowerBound].value }
            let middle = (positions.lowerBound + positions.upperBound) / 2
            let isBelow = KeyRange(lower: nil, upper: runs[middle].lower).condition(on: key)
            let (below, above) = (choice(positions.lowerBound..<middle), choice(middle..<positions.upperBound))
            return "CASE WHEN \(isBelow) THEN \(below) ELSE \(above) END"
        }
        return choice(runs.indices)
    }

    /// Puts items in the order of their ranges.
    ///
    /// - Parameters:
    ///   - items: Items with adjacent ranges, in any order.
    ///   - range: The range of an item.
    /// - Returns: The items; nil if their ranges do not cover all keys.
    package static func inOrder<Item>(_ items: [Item], _ range: (Item) -> KeyRange) -> [Item]? {
        let byLower = Dictionary(keepingFirst: items.map { (range($0).lower, $0) })
        guard var last = byLower[nil] else { return nil }
        var ordered = [last]
        while let upper = range(last).upper, let next = byLower[upper], ordered.count < items.count {
            ordered.append(next)
            last = next
        }
        return ordered.count == items.count && range(last).upper == nil ? ordered : nil
    }
}
