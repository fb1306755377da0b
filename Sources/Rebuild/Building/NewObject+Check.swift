import Catalog
import Ledger
import Postgres

extension NewObject {
    /// A CHECK, with its comment, that is added once its table's rows are complete.
    ///
    /// - Parameter check: The source's constraint.
    /// - Returns: The object to build.
    static func check(_ check: Constraint) -> NewObject {
        let addition: SQL = "ALTER TABLE \(check.tableQualifiedName) ADD CONSTRAINT \(Identifier(check.name))"
        return NewObject(
            table: check.tableQualifiedName,
            stage: .rowConstraint,
            kind: "check constraint",
            name: check.name,
            statements: ["\(addition) \(SQL(trusted: check.definition))"] + [check.commentStatement].compactMap { $0 },
            bytes: 0
        )
    }
}

extension Constraint {
    /// The statement that gives the target's constraint of this name this comment; nil if it has none.
    var commentStatement: SQL? {
        comment.map { "COMMENT ON CONSTRAINT \(Identifier(name)) ON \(tableQualifiedName) IS \(literal: $0)" }
    }
}
