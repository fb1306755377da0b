package import Catalog
package import Postgres

/// The statements that give an enum on the target the source's current labels.
///
/// Pure.
///
/// Labels can be added and renamed, never removed or moved (PostgreSQL manual, ALTER TYPE). Renamed labels are found by
/// their recorded oids, or without them by their positions.
package struct EnumerationDrift {
    package let statements: [SQL]
    /// Old and new names of renamed labels.
    package let renames: [ServerText: ServerText]
    /// Whether the labels then equal the source's, in its order; false, for example, if labels without recorded oids
    /// have swapped names.
    package let isComplete: Bool

    /// - Parameters:
    ///   - target: The enum on the target.
    ///   - source: The enum of the same name on the source.
    ///   - earlier: The source's enum when the target last followed it; nil if that is unknown.
    package init(from target: Enumeration, to source: Enumeration, since earlier: Enumeration? = nil) {
        let wanted = source.labels ?? []
        var present = target.labels ?? []
        let type: SQL = "ALTER TYPE \(source.qualifiedName)"
        let known = earlier.map(source.renames) ?? [:]
        var (statements, renames) = present == wanted ? ([], [:]) : Self.rename(known, in: &present, of: type)
        // If the source does not know a label and has a new one in its position, it was renamed.
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

    /// Renames labels one after the other, each when its new name is free; swapped names go through a temporary one.
    private static func rename(
        _ known: [ServerText: ServerText],
        in present: inout [ServerText],
        of type: SQL
    ) -> (statements: [SQL], renames: [ServerText: ServerText]) {
        var statements: [SQL] = []
        func rename(_ label: ServerText, to name: ServerText) {
            statements.append("\(type) RENAME VALUE \(literal: label) TO \(literal: name)")
            present = present.map { $0 == label ? name : $0 }
        }
        // A label that the target no longer has was renamed there by hand.
        var open = known.filter { present.contains($0.key) }
        var renames = open
        while let next = open.keys.sorted().first(where: { !present.contains(open[$0] ?? "") }) ?? open.keys.min() {
            guard let name = open.removeValue(forKey: next) else { break }
            if !present.contains(name) {
                rename(next, to: name)
            } else if open[name] != nil {
                let interim = ServerText("tidemark \(statements.count)")
                rename(next, to: interim)
                open[interim] = name
            } else {
                // Half of the renames were done by hand: which label is which is unknown.
                renames[next] = nil
            }
        }
        return (statements, renames)
    }
}
