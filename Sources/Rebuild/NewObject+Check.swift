import Catalog
import Ledger
import Postgres

extension NewObject {
    /// A CHECK that is added once its table's rows are complete, with the comment it has.
    ///
    /// - Parameter check: The source's.
    /// - Returns: What is to be built.
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
    /// Gives the target's constraint of the same name the comment this one has; nil where it has none.
    var commentStatement: SQL? {
        comment.map { "COMMENT ON CONSTRAINT \(Identifier(name)) ON \(tableQualifiedName) IS \(literal: $0)" }
    }
}
