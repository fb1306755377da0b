package import Postgres

/// An object on a table of an adopted target that has to be dropped before rows are copied.
package struct AdoptedObject: Sendable, Hashable, Codable {
    package let schema: ServerText
    package let tableName: ServerText
    /// The kind of object: foreign key, trigger, rule, policy, statistics object.
    package let kind: String
    package let name: ServerText
    /// The statement that drops it.
    package let statement: ServerText

    package var table: QualifiedName { QualifiedName(schema: schema, name: tableName) }
}
