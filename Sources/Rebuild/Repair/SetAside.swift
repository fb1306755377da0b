import Catalog
import Ledger
import Postgres

/// What an earlier rebuild, which did not reach its end, has left on the target under names of its own.
///
/// A key that is replaced is renamed first, and enforced until its successor is.
struct SetAside {
    private static let prefix: ServerText = "tidemark_aside_"

    let target: DatabaseCatalog

    /// The name for an index or a constraint that is to be replaced.
    static func name(_ suffix: String) -> Identifier { Identifier(prefix + ServerText(suffix)) }

    /// The name of the check that shows that a primary key's column is not null.
    static func name(of table: Table, _ column: Column) -> Identifier { name("\(table.oid)_\(column.number)") }

    /// Whether an index was put aside.
    func contains(_ index: Index) -> Bool { index.name.begins(with: Self.prefix) }

    /// The primary key of a table, if it was put aside: a table has only one.
    func primaryKey(of table: QualifiedName) -> Identifier? {
        target.indexes.first { $0.tableQualifiedName == table && $0.isPrimary && contains($0) }
            .flatMap(\.constraintName).map { Identifier($0) }
    }

    /// Drops a constraint that was left.
    static func removal(of constraint: ServerText, on table: QualifiedName) -> Repair {
        let statement: SQL = "ALTER TABLE \(table) DROP CONSTRAINT IF EXISTS \(Identifier(constraint))"
        return Repair(
            stage: .partitionedIndex,
            table: table,
            object: "constraint \(Identifier(constraint).quoted) on \(table)",
            reason: "left over from an earlier rebuild",
            steps: [.init(statement: statement, manner: .brief)],
            bytes: 0,
            uniqueColumns: []
        )
    }

    /// The checks that were left.
    var checks: [Constraint] {
        target.constraints.filter { $0.kind == .check && $0.isLocal && $0.name.begins(with: Self.prefix) }
    }
}
