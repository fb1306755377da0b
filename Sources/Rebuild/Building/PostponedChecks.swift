package import Catalog
package import Ledger
package import Postgres

/// CHECK constraints whose functions may read tables; they are added after all rows.
///
/// While rows are copied, other tables are incomplete, and the constraint would refuse rows that the source has.
package struct PostponedChecks {
    private let checks: [Constraint]

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - excluded: Tables that are left out.
    package init(of source: DatabaseCatalog, excluding excluded: Set<QualifiedName>) {
        // Constraints that partitions and children inherit are dropped and added with their parent's.
        checks = source.constraints.filter { constraint in
            constraint.mayReadTables == true && constraint.isValidated && constraint.isLocal
                && constraint.parentOid == nil
                && !excluded.contains(constraint.tableQualifiedName)
        }
    }

    /// Drops those that the target has, before more rows are copied.
    ///
    /// - Parameter ledger: The ledger, in an open transaction.
    /// - Returns: The dropped ones.
    /// - Throws: ``PostgresError``.
    package func drop(_ ledger: Ledger) throws -> [(table: QualifiedName, name: ServerText)] {
        try checks.map { check in
            let alter: SQL = "ALTER TABLE \(check.tableQualifiedName)"
            try ledger.connection.execute("\(alter) DROP CONSTRAINT IF EXISTS \(Identifier(check.name))")
            return (check.tableQualifiedName, check.name)
        }
    }

    /// Drops them from the target's empty tables and enters them in the ledger, to be built once the rows are complete.
    ///
    /// - Parameter ledger: The ledger, in the transaction that creates the tables.
    /// - Throws: ``PostgresError``.
    package func postpone(_ ledger: Ledger) throws {
        for check in checks {
            let alter: SQL = "ALTER TABLE \(check.tableQualifiedName)"
            try ledger.connection.execute("\(alter) DROP CONSTRAINT \(Identifier(check.name))")
        }
        try ledger.enter(checks.map(NewObject.check))
    }
}
