package import Postgres

/// An enum type as the catalog describes it.
package struct Enumeration: Sendable, Hashable, Codable {
    package let oid: UInt32
    package let schema: ServerText
    package let name: ServerText
    /// The labels, in their order.
    package let labels: [ServerText]?
    /// The object id of each label, which a rename does not change; nil if stored by an older version.
    package let labelOids: [UInt32]?

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }

    /// The labels that were renamed since an earlier state of this enum: the old names and the new ones.
    package func renames(since earlier: Enumeration) -> [ServerText: ServerText] {
        guard oid == earlier.oid, let labels, let labelOids, let before = earlier.labels, let known = earlier.labelOids
        else {
            return [:]
        }
        let now = Dictionary(keepingFirst: zip(labelOids, labels))
        let renamed = zip(known, before).compactMap { oid, label in
            now[oid].flatMap { $0 == label ? nil : (label, $0) }
        }
        return Dictionary(keepingFirst: renamed)
    }
}
