package import Postgres

/// What hangs on a table of a target that was filled by other means, and has to go before rows are brought.
package struct AdoptedObject: Sendable, Hashable, Codable {
    package let schema: ServerText
    package let tableName: ServerText
    /// Foreign key, trigger, rule, policy, statistics object.
    package let kind: String
    package let name: ServerText
    /// The statement that takes it off.
    package let statement: ServerText

    package var table: QualifiedName { QualifiedName(schema: schema, name: tableName) }
}
