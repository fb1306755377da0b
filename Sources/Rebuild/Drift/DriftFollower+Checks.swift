import Catalog
import Ledger
import Postgres

/// CHECK constraints of changed tables, and the comments on them.
///
/// A new check is added after the rows, with its comment.
extension DriftFollower {
    /// Drops or renames checks that the source no longer has under that name, and sets comments on the others.
    func reconcileChecks(of tables: Set<QualifiedName>) throws {
        let ours = checks(source.constraints, of: tables)
        let theirs = checks(try connection.query(Constraint.self, CatalogQuery.constraints), of: tables)
        var free = ours.filter { theirs[$0.key] == nil && $0.value.isLocal }
        for check in theirs.values.sorted(by: { $0.name < $1.name }) where check.isLocal {
            let alter: SQL = "ALTER TABLE \(check.tableQualifiedName)"
            if let there = ours[check.name(on: check.tableQualifiedName)] {
                if try isSame(there, check) {
                    if there.comment != check.comment, let comment = there.commentStatement {
                        try connection.execute(comment)
                    }
                    continue
                }
            } else if let renamed = try free.values.sorted(by: { $0.name < $1.name }).first(where: {
                try $0.tableQualifiedName == check.tableQualifiedName && isSame($0, check)
            }) {
                free[renamed.name(on: renamed.tableQualifiedName)] = nil
                try connection.execute(
                    "\(alter) RENAME CONSTRAINT \(Identifier(check.name)) TO \(Identifier(renamed.name))"
                )
                if let comment = renamed.commentStatement { try connection.execute(comment) }
                continue
            }
            try connection.execute("\(alter) DROP CONSTRAINT \(Identifier(check.name))")
        }
    }

    /// Whether both checks are the same once the target has parsed and printed the source's: one server prints the same
    /// expression the same way.
    private func isSame(_ ours: Constraint, _ theirs: Constraint) throws -> Bool {
        if ours.definition == theirs.definition { return true }
        let name = Identifier("tidemark_reparsed")
        try connection.execute("SAVEPOINT reparsed")
        defer { _ = try? connection.execute("ROLLBACK TO SAVEPOINT reparsed; RELEASE SAVEPOINT reparsed") }
        do {
            // NOT VALID: no row is read.
            try connection.execute(
                "ALTER TABLE \(theirs.tableQualifiedName) ADD CONSTRAINT \(name) \(SQL(trusted: ours.demand)) NOT VALID"
            )
            let printed = try connection.query(Constraint.self, CatalogQuery.constraints).first {
                $0.tableQualifiedName == theirs.tableQualifiedName && $0.name == "tidemark_reparsed"
            }
            return printed?.demand == theirs.demand && ours.isValidated == theirs.isValidated
        } catch let error as PostgresError where error.code == .statementFailed && !connection.isBroken {
            return false
        }
    }

    func checks(_ constraints: [Constraint], of tables: Set<QualifiedName>) -> [ServerText: Constraint] {
        let checks = constraints.filter { $0.kind == .check && tables.contains($0.tableQualifiedName) }
        return Dictionary(keepingFirst: checks.map { ($0.name(on: $0.tableQualifiedName), $0) })
    }

    /// Whether a comment is on a constraint that the target's table no longer has.
    func isGone(_ commented: DefinitionEntry.CommentedConstraint) throws -> Bool {
        try connection.queryOne(
            """
            SELECT NOT EXISTS (
                SELECT FROM pg_catalog.pg_constraint con
                WHERE con.conrelid = pg_catalog.to_regclass(\(value: commented.table.quoted)::pg_catalog.text)
                  AND con.conname = \(value: commented.constraint)::pg_catalog.name) AS is_gone
            """
        ).boolean("is_gone")
    }
}

extension Constraint {
    func name(on table: QualifiedName) -> ServerText { ServerText("\(table.quoted) \(Identifier(name).quoted)") }
}
