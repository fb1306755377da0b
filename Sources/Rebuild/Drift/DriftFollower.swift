package import Catalog
package import Ledger
package import Planning
package import Postgres

/// Gives the target the form the source has now, inside one open transaction that also writes the ledger.
///
/// A change that cannot be followed leaves everything as it was: the transaction is rolled back and the reason told.
package struct DriftFollower {
    /// One step of the source's definitions, in their own order: each comes after those it is made of.
    package enum Step: Sendable {
        /// Makes new schemas; first of all, for tables may have moved there.
        case schemas(SQL)
        /// Makes what is new.
        case make(SQL)
        /// Alters the columns of the known table with this object id.
        case alter(UInt32)
        /// Makes views anew that have changed; only if they could be dropped.
        case remake(SQL, [DefinitionEntry])
        /// Dropped and made anew on the source, while the target still has the old one.
        case leave(DefinitionEntry)
    }

    /// What came of it.
    package struct Outcome: Sendable {
        /// What was done, for people.
        package var notes: [String] = []
        /// Entries that could not be followed: the target differs from the source in them.
        package var left: [DefinitionEntry] = []
    }

    let connection: Connection
    let ledger: Ledger
    let source: DatabaseCatalog
    let drift: TableDrift
    let changes: DefinitionChanges
    let plan: Plan
    let relations: [RelationEntry]

    /// - Parameters:
    ///   - connection: The target, in a transaction.
    ///   - ledger: The ledger on the same connection.
    ///   - source: What the source contains.
    ///   - drift: What has become of its tables.
    ///   - changes: What has become of its definitions.
    ///   - plan: How its tables are treated from now on, cut into chunks where they are new or copied again.
    ///   - relations: The tables as the ledger knows them.
    package init(
        _ connection: Connection,
        ledger: Ledger,
        source: DatabaseCatalog,
        drift: TableDrift,
        changes: DefinitionChanges,
        plan: Plan,
        relations: [RelationEntry]
    ) {
        self.connection = connection
        self.ledger = ledger
        self.source = source
        self.drift = drift
        self.changes = changes
        self.plan = plan
        self.relations = relations
    }

    var followed: [TableDrift.Change] { drift.changes.filter { $0.relation.treatment != .excluded } }
    var emptied: [TableDrift.Change] {
        followed.filter { $0.reasonToCopyAgain != nil || ($0.isAlteration && $0.relation.treatment == .whole) }
    }

    /// Follows everything that can be followed.
    ///
    /// - Parameter steps: The definitions that are new or otherwise, in their order.
    /// - Returns: What was done and what was left.
    /// - Throws: ``PostgresError`` with what stands in the way.
    package func follow(_ steps: [Step]) throws -> Outcome {
        var outcome = Outcome()
        // With thousands of tables a look at them takes its time, and most of the times nothing has changed.
        let before = try drift.isEmpty && changes.isEmpty ? [:] : tables()
        if case .schemas(let script)? = steps.first { try connection.execute(definitions: script) }
        let dropped = try dropViews(&outcome)
        try detach(before)
        try dropGoneTables(before, &outcome)
        try renameTables(before)
        try reconcileObjects()
        try empty()
        for step in steps {
            switch step {
            case .schemas: break
            case .leave(let entry): outcome.left.append(entry)
            case .make(let script): try connection.execute(definitions: script)
            case .alter(let oid): try alter(oid)
            case .remake(let script, let views):
                if dropped { try connection.execute(definitions: script) } else { outcome.left += views }
            }
        }
        try setAttributes()
        try attach()
        try refuseOtherColumns()
        try note(&outcome)
        try enterRowConstraints()
        try keepDefinitions(&outcome)
        return outcome
    }

    func tables() throws -> [QualifiedName: Table] {
        let tables = try Table.all(of: connection)
        return Dictionary(tables.map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })
    }
}
