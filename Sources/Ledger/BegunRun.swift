package import Postgres

/// The run that has begun on a target, with what it has decided about the source's tables.
package struct BegunRun: Sendable {
    package let run: RunEntry
    /// Empty until the tables are defined: until then nothing is decided.
    package let relations: [RelationEntry]

    /// Reads it.
    ///
    /// - Returns: nil where no run has begun.
    /// - Throws: ``LedgerError`` when the ledger is of another version, ``PostgresError``.
    package init?(on target: Connection) throws {
        guard let run = try Ledger.run(on: target) else { return nil }
        self.run = run
        relations = run.step > .begun ? try Ledger(target).relations() : []
    }
}
