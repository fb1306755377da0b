package import Postgres

/// The run that has begun on a target, with its decisions about the source's tables.
package struct BegunRun: Sendable {
    package let run: RunEntry
    /// Empty until the tables are defined; nothing is decided before.
    package let relations: [RelationEntry]
    /// The schemas in which it has created something.
    package let schemas: Set<ServerText>

    /// Reads the run from the target's ledger.
    ///
    /// - Returns: The run; nil if no run has begun.
    /// - Throws: ``LedgerError`` if the ledger has another version, ``PostgresError``.
    package init?(on target: Connection) throws {
        guard let run = try Ledger.run(on: target) else { return nil }
        self.run = run
        relations = run.step > .begun ? try Ledger(target).relations() : []
        schemas = try Ledger(target).definedSchemas().union(relations.map(\.name.schema))
    }
}
