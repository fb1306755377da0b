package import Postgres

/// A half-open range of a key: includes `lower`, excludes `upper`.
///
/// A missing bound is nil, never a sentinel value: keys may be negative or at the limits of int64.
package struct KeyRange: Sendable, Hashable, Codable {
    /// One value per key column, as text; nil: from the beginning.
    package let lower: [ServerText]?
    /// One value per key column, as text; nil: to the end.
    package let upper: [ServerText]?

    package init(lower: [ServerText]?, upper: [ServerText]?) {
        self.lower = lower
        self.upper = upper
    }

    /// The range of all keys.
    package static let everything = KeyRange(lower: nil, upper: nil)

    /// The ranges between bounds in ascending order; n bounds give n + 1 ranges that cover all keys.
    package static func between(_ bounds: [[ServerText]]) -> [KeyRange] {
        everything.cut(at: bounds)
    }

    /// Cuts this range at bounds that lie in it, given in ascending order.
    package func cut(at bounds: [[ServerText]]) -> [KeyRange] {
        let lowers = [lower] + bounds
        let uppers = bounds + [upper]
        return zip(lowers, uppers).map(KeyRange.init)
    }

    /// The condition that selects the rows of the range, the same on both sides.
    package func condition(on key: Key) -> SQL {
        let conditions = [
            lower.map { comparison(key, ">=", with: $0) }, upper.map { comparison(key, "<", with: $0) },
        ].compactMap { $0 }
        return conditions.isEmpty ? "true" : conditions.joined(separator: " AND ")
    }

    /// A row comparison, which a composite index supports (PostgreSQL manual 9.25.5).
    private func comparison(_ key: Key, _ comparator: SQL, with values: [ServerText]) -> SQL {
        precondition(values.count == key.parts.count, "a bound has one value per key column")
        let columns = key.parts.map(\.comparable).joined(separator: ", ")
        let bounds = zip(key.parts, values).map { $0.bound($1) }.joined(separator: ", ")
        return key.parts.count == 1 ? "\(columns) \(comparator) \(bounds)" : "(\(columns)) \(comparator) (\(bounds))"
    }
}

extension KeyRange: CustomStringConvertible {
    /// The range for people: `[1000, 2000)`, `[-∞, 1000)`.
    package var description: String {
        func shown(_ values: [ServerText]?, _ missing: String) -> String {
            guard let values else { return missing }
            return values.count == 1 ? values[0].visible : "(" + values.map(\.visible).joined(separator: ", ") + ")"
        }
        return "[\(shown(lower, "-∞")), \(shown(upper, "∞")))"
    }
}
