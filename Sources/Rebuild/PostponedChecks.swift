package import Catalog
package import Ledger
package import Postgres

/// CHECK constraints whose functions may read tables: they come after all rows.
///
/// While rows come the other tables are incomplete, and the constraint would refuse what the source has.
package struct PostponedChecks {
    private let checks: [Constraint]

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - excluded: Tables that are left out.
    package init(of source: DatabaseCatalog, excluding excluded: Set<QualifiedName>) {
        // What partitions and children inherit goes and comes with their parent's.
        checks = source.constraints.filter { constraint in
            constraint.mayReadTables == true && constraint.isValidated && constraint.isLocal
                && constraint.parentOid == nil
                && !excluded.contains(constraint.tableQualifiedName)
        }
    }

    /// Takes them off the target's empty tables and enters them as what is to be built once the rows are complete.
    ///
    /// - Parameter ledger: The ledger, in the transaction that makes the tables.
    /// - Throws: ``PostgresError``.
    package func postpone(_ ledger: Ledger) throws {
        for check in checks {
            let alter: SQL = "ALTER TABLE \(check.tableQualifiedName)"
            try ledger.connection.execute("\(alter) DROP CONSTRAINT \(Identifier(check.name))")
        }
        try ledger.enter(checks.map(NewObject.check))
    }
}
