package import Postgres

/// An enum type as the catalog describes it.
package struct Enumeration: Sendable, Hashable, Codable {
    package let oid: UInt32
    package let schema: String
    package let name: String
    /// In their order.
    package let labels: [String]?

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
}
