package import Postgres

/// A key, index or constraint to rebuild.
package struct ObjectEntry: Sendable, Codable {
    package let objectId: Int
    package let stage: RebuildStage
    package let kind: String
    package let schemaName: ServerText
    package let tableName: ServerText
    package let objectName: ServerText
    package let statements: [ServerText]
    package let stepsDone: Int
    package let bytes: Int

    package var table: QualifiedName { QualifiedName(schema: schemaName, name: tableName) }

    package var description: String { "\(kind) \(Identifier(objectName).quoted) on \(table)" }

    /// The same object with more of its statements done.
    package func after(_ steps: Int) -> ObjectEntry {
        ObjectEntry(
            objectId: objectId,
            stage: stage,
            kind: kind,
            schemaName: schemaName,
            tableName: tableName,
            objectName: objectName,
            statements: statements,
            stepsDone: stepsDone + steps,
            bytes: bytes
        )
    }
}
