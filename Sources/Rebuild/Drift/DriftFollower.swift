package import Catalog
package import Ledger
package import Planning
package import Postgres

/// Applies the source's definition changes to the target, inside one open transaction that also writes the ledger.
///
/// A change that cannot be followed leaves everything as it was: the transaction is rolled back and the reason
/// reported.
package struct DriftFollower {
    /// One step, in the order of the source's definitions: each comes after those it depends on.
    package enum Step: Sendable {
        /// Creates new schemas; always the first step, because tables may have moved there.
        case schemas(SQL)
        /// Creates new objects.
        case make(SQL)
        /// Alters the columns of the known table with this oid.
        case alter(UInt32)
        /// Recreates changed views, if they could be dropped.
        case remake(SQL, [DefinitionEntry])
        /// Leaves an object that was recreated on the source while the target still has the old one.
        case leave(DefinitionEntry)
    }

    /// The outcome.
    package struct Outcome: Sendable {
        /// Notes on what was done, for the operator.
        package var notes: [String] = []
        /// Entries that could not be followed; in these the target differs from the source.
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
    ///   - connection: A connection to the target, in a transaction.
    ///   - ledger: The ledger on the same connection.
    ///   - source: What the source contains.
    ///   - drift: The changes of its tables.
    ///   - changes: The changes of its definitions.
    ///   - plan: How its tables are treated from now on; new tables and those copied again are cut into chunks.
    ///   - relations: The tables in the ledger.
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

    var followed: [TableDrift.Change] { drift.changes.filter { $0.relation.treatment.isOnTarget } }
    var emptied: [TableDrift.Change] {
        followed.filter { $0.reasonToCopyAgain != nil || ($0.isAlteration && $0.relation.treatment.isCopiedWhole) }
    }

    /// Follows everything that can be followed.
    ///
    /// - Parameter steps: The new and changed definitions, in order.
    /// - Returns: What was done and what was left.
    /// - Throws: ``PostgresError`` with the obstacle.
    package func follow(_ steps: [Step]) throws -> Outcome {
        var outcome = Outcome()
        if try ledger.keepsForeignKeys(), try !drift.isEmpty || hasOtherKeys() {
            outcome.notes += try ActingObjects(ledger).dropForeignKeys(excluding: plan.excluded)
        }
        // Reading thousands of tables takes time, and usually nothing has changed.
        let before = try drift.isEmpty && changes.isEmpty ? [:] : tables()
        if case .schemas(let script)? = steps.first { try connection.execute(definitions: script) }
        let dropped = try dropViews(&outcome)
        try detach(before)
        try dropGoneTables(before, &outcome)
        try renameTables(before)
        let remade = dropped ? changes.changed.compactMap(changes.earlier).filter(\.isView) : []
        try reconcileObjects(remade: Set(remade.map(\.qualifiedName)))
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
        return Dictionary(keepingFirst: tables.map { ($0.qualifiedName, $0) })
    }
}
