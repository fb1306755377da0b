package import Postgres

/// An object to enter into the ledger.
package struct NewObject: Sendable, Hashable {
    package let table: QualifiedName
    package let stage: RebuildStage
    package let kind: String
    package let name: ServerText
    package let statements: [SQL]
    package let bytes: Int

    package init(
        table: QualifiedName,
        stage: RebuildStage,
        kind: String,
        name: ServerText,
        statements: [SQL],
        bytes: Int
    ) {
        self.table = table
        self.stage = stage
        self.kind = kind
        self.name = name
        self.statements = statements
        self.bytes = bytes
    }
}
