package import Catalog
package import Postgres

/// The statements that give an enum of the target the labels the source's has now.
///
/// Pure.
///
/// Labels can be added and renamed, never removed or moved (PostgreSQL manual, ALTER TYPE).
package struct EnumerationDrift {
    package let statements: [SQL]
    /// Labels and what they are called now.
    package let renames: [String: String]
    /// Whether the labels are the source's afterwards, in its order; they are not where labels have swapped their names.
    package let isComplete: Bool

    /// - Parameters:
    ///   - target: The enum on the target.
    ///   - source: The enum of the same name on the source.
    package init(from target: Enumeration, to source: Enumeration) {
        let wanted = source.labels ?? []
        var present = target.labels ?? []
        let type: SQL = "ALTER TYPE \(source.qualifiedName)"
        var statements: [SQL] = []
        var renames: [String: String] = [:]
        // Where a label is unknown to the source and the source has another one in its place, it was renamed.
        for (index, label) in present.enumerated() where !wanted.contains(label) && wanted.count == present.count {
            guard !present.contains(wanted[index]) else { continue }
            statements.append("\(type) RENAME VALUE \(literal: label) TO \(literal: wanted[index])")
            present[index] = wanted[index]
            renames[label] = wanted[index]
        }
        for (index, label) in wanted.enumerated() where !present.contains(label) {
            let place: SQL
            if let next = wanted[(index + 1)...].first(where: present.contains) {
                place = " BEFORE \(literal: next)"
            } else {
                place = ""
            }
            statements.append("\(type) ADD VALUE \(literal: label)\(place)")
            let next = wanted[(index + 1)...].first(where: present.contains)
            present.insert(label, at: next.flatMap(present.firstIndex) ?? present.endIndex)
        }
        self.statements = statements
        self.renames = renames
        isComplete = present == wanted
    }
}
