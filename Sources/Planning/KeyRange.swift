package import Postgres

/// A half-open range of a key: from `lower`, included, up to `upper`, left out.
///
/// A missing bound is nil, never a sentinel value: keys have gaps, negatives and the ends of int64.
package struct KeyRange: Sendable, Hashable, Codable {
    /// One value per key column, as text; nil: from the beginning.
    package let lower: [String]?
    /// One value per key column, as text; nil: to the end.
    package let upper: [String]?

    package init(lower: [String]?, upper: [String]?) {
        self.lower = lower
        self.upper = upper
    }

    /// Every key there is.
    package static let everything = KeyRange(lower: nil, upper: nil)

    /// The ranges between bounds given in ascending order; n bounds make n + 1 ranges that leave nothing out.
    package static func between(_ bounds: [[String]]) -> [KeyRange] {
        everything.cut(at: bounds)
    }

    /// The parts of this range between bounds that lie in it, given in ascending order.
    package func cut(at bounds: [[String]]) -> [KeyRange] {
        let lowers = [lower] + bounds
        let uppers = bounds + [upper]
        return zip(lowers, uppers).map(KeyRange.init)
    }

    /// The condition a row of the range fulfils, the same on both sides.
    package func condition(on key: Key) -> SQL {
        let conditions = [
            lower.map { comparison(key, ">=", with: $0) }, upper.map { comparison(key, "<", with: $0) },
        ].compactMap { $0 }
        return conditions.isEmpty ? "true" : conditions.joined(separator: " AND ")
    }

    /// A comparison of whole rows, which a composite index serves (PostgreSQL manual 9.25.5).
    private func comparison(_ key: Key, _ comparator: SQL, with values: [String]) -> SQL {
        precondition(values.count == key.parts.count, "a bound has one value per key column")
        let columns = key.parts.map(\.comparable).joined(separator: ", ")
        let bounds = zip(key.parts, values).map { $0.bound($1) }.joined(separator: ", ")
        return key.parts.count == 1 ? "\(columns) \(comparator) \(bounds)" : "(\(columns)) \(comparator) (\(bounds))"
    }
}

extension KeyRange: CustomStringConvertible {
    /// For people: `[1000, 2000)`, `[-∞, 1000)`.
    package var description: String {
        func shown(_ values: [String]?, _ missing: String) -> String {
            guard let values else { return missing }
            return values.count == 1 ? values[0] : "(" + values.joined(separator: ", ") + ")"
        }
        return "[\(shown(lower, "-∞")), \(shown(upper, "∞")))"
    }
}
