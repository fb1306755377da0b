package import Catalog
package import Ledger
package import Planning
package import Postgres

/// Adopts a target that was filled by other means: last week's dump, a storage snapshot.
///
/// Nothing in it is trusted: its tables enter the ledger as they are, with chunks that are compared with the source
/// before they get a mark. Keys and indexes that are exactly the source's count as built; others of the same names are
/// dropped. What would act on copied rows (foreign keys, triggers, rules) is dropped as well; the cutover recreates it
/// from the source's definitions.
package struct Adoption {
    private let connection: Connection
    private let ledger: Ledger
    private let source: DatabaseCatalog
    private let plan: Plan
    private let contents: TargetContents
    private let keepsIndexes: Bool

    /// - Parameters:
    ///   - connection: A connection to the target, in a transaction.
    ///   - ledger: The ledger on the same connection.
    ///   - source: What the source contains.
    ///   - plan: How its tables are treated and cut into chunks.
    ///   - contents: Whether the target may contain rows or only tables.
    ///   - keepsIndexes: Whether empty tables keep their indexes while they are filled.
    package init(
        _ connection: Connection,
        ledger: Ledger,
        source: DatabaseCatalog,
        plan: Plan,
        contents: TargetContents,
        keepsIndexes: Bool
    ) {
        self.contents = contents
        self.keepsIndexes = keepsIndexes
        self.connection = connection
        self.ledger = ledger
        self.source = source
        self.plan = plan
    }

    /// Records what the target has; what it lacks is followed afterwards like any change on the source.
    ///
    /// - Parameters:
    ///   - definitions: The source's definitions.
    ///   - present: The target's definitions, from the same tool: a difference is a change to be followed or reported.
    ///   - ofDatabase: The source's publications, subscriptions and event triggers.
    /// - Returns: Notes on what was done, for the operator.
    /// - Throws: ``PlanError`` if the target cannot be adopted; ``PostgresError``.
    package func adopt(
        _ definitions: [DefinitionEntry],
        present: [DefinitionEntry],
        ofDatabase: Set<ServerText>
    ) throws -> [String] {
        let target = try DatabaseCatalog(inTransactionOf: connection)
        try refuseForeignColumns(target)
        let empty = try emptyTables(of: target)
        try dropObjectsOfDatabase(ofDatabase)
        var notes = try ActingObjects(ledger).dropOnTables(excluding: plan.excluded)
        var adopted = 0
        for table in plan.tables {
            guard let ours = source.table(table.name), let theirs = target.table(table.name) else { continue }
            let definition = Self.definition(of: theirs, on: target, as: ours, on: source)
            let isAdopted = table.treatment.isCopiedAhead && !empty.contains(table.name)
            try ledger.enter(table, definition, isAdopted: isAdopted)
            if isAdopted { adopted += 1 }
        }
        let there = Dictionary(keepingFirst: present.map { ($0.listed, $0) })
        // Major versions print the same view or type differently; the proof compares their attributes instead.
        let speaksAlike = source.identity.serverVersion.major == target.identity.serverVersion.major
        try ledger.keep(
            definitions.compactMap { entry in
                there[entry.listed].map { theirs in
                    if speaksAlike { return entry.worded(as: theirs) }
                    return entry.isOfTable ? entry.worded(as: theirs.withoutNamesOfNotNull) : entry
                }
            }
        )
        let ours = Set(definitions.map(\.listed))
        // A comment that only the target has does no harm; the proof reports it.
        let others = present.filter { !ours.contains($0.listed) && $0.isCompared && $0.kind != "COMMENT" }
        try ledger.keep(others.map(\.ofTarget))
        notes.append("adopted \(empty.count) empty tables and \(adopted) whose rows will be compared")
        try adoptObjects(empty)
        return notes
    }

    /// Returns the tables without rows, in which nothing has to be compared.
    private func emptyTables(of target: DatabaseCatalog) throws -> Set<QualifiedName> {
        var empty: Set<QualifiedName> = []
        var filled: [QualifiedName] = []
        for table in plan.tables where table.treatment.isOnTarget {
            guard let theirs = target.table(table.name) else { continue }
            let row = try connection.queryOne("SELECT EXISTS (SELECT FROM \(theirs.rows)) AS has_rows")
            if try row.boolean("has_rows") { filled.append(table.name) } else { empty.insert(table.name) }
        }
        guard contents == .rows || filled.isEmpty else {
            throw PlanError(
                .refused,
                "\(filled.count == 1 ? "1 table of the target contains" : "\(filled.count) tables of the target contain") rows: "
                    + filled.sorted().prefix(10).map(\.description).joined(separator: ", "),
                hint:
                    "if the rows came from this source, use --adopt, which compares them; otherwise delete those rows; nothing was written"
            )
        }
        return empty
    }

    // MARK: Tables

    /// Describes the target's table as an earlier state of the source's, so that differences become changes to follow.
    private static func definition(
        of theirs: Table,
        on target: DatabaseCatalog,
        as ours: Table,
        on source: DatabaseCatalog
    ) -> Table {
        let parents = (
            source.partitions.parent(of: ours)?.qualifiedName, target.partitions.parent(of: theirs)?.qualifiedName
        )
        let columns = theirs.columns.compactMap { column in
            ours.column(column.name).map { column.numbered($0.number) }
        }
        return theirs.known(as: ours, parentOid: parents.0 == parents.1 ? ours.parentOid : theirs.parentOid, columns)
    }

    private func refuseForeignColumns(_ target: DatabaseCatalog) throws {
        let excluded = plan.excluded
        var foreign: [String] = []
        for table in source.tables where !excluded.contains(table.qualifiedName) {
            guard let theirs = target.table(table.qualifiedName) else { continue }
            if theirs.kind != table.kind {
                foreign.append("\(table.qualifiedName) is a different kind of table on the target")
            }
            for column in theirs.columns where table.column(column.name) == nil {
                foreign.append("\(table.qualifiedName) has the extra column \"\(column.name.visible)\" on the target")
            }
        }
        guard foreign.isEmpty else {
            throw PlanError(
                .refused,
                "the target cannot be adopted because it differs from the source:\n    "
                    + foreign.prefix(20).joined(separator: "\n    "),
                hint: "drop these on the target (their data is lost) if they are no longer needed; nothing was written"
            )
        }
    }

    /// Drops the target's publications, subscriptions and event triggers that the source also has; refuses any others.
    private func dropObjectsOfDatabase(_ ofSource: Set<ServerText>) throws {
        let strangers = try ActingObjects(ledger).dropOfDatabase { kind, name in
            // `pg_restore --list` prints a name on one line, whatever it contains.
            ofSource.contains(name.listed(as: kind))
        }
        guard strangers.isEmpty else {
            throw PlanError(
                .refused,
                "the target has publications, subscriptions or event triggers that do not come from the source: "
                    + strangers.joined(separator: ", "),
                hint: "drop them on the target; nothing was written"
            )
        }
    }

    // MARK: Objects on tables

    /// Records keys and indexes that are exactly the source's as built; drops those of the same names that differ.
    ///
    /// On a table without rows they are dropped anyway, unless they are to be kept, because building after loading is
    /// faster. The same transaction records each drop in the ledger.
    private func adoptObjects(_ empty: Set<QualifiedName>) throws {
        let keys = Dictionary(
            uniqueKeysWithValues: plan.tables.compactMap { table in table.key.map { (table.name, $0.indexName) } }
        )
        let objects = RebuildPlan(source: source, excluding: plan.excluded).objects(keys: keys)
        try ledger.enter(objects)
        // Indexes of partitioned tables first: dropping one also drops its partitions' indexes.
        for isPartitioned in [true, false] {
            let target = try DatabaseCatalog(inTransactionOf: connection)
            let present = Dictionary(keepingFirst: target.indexes.map { ($0.qualifiedName, $0) })
            for index in source.indexes where index.isPartitioned == isPartitioned {
                guard let there = present[index.qualifiedName],
                    let object = objects.first(where: {
                        $0.table == index.tableQualifiedName && $0.name == index.name && $0.stage.isOfIndex
                    })
                else { continue }
                // It may just have been dropped together with its parent.
                guard try connection.isThere(there.qualifiedName) else { continue }
                guard Self.isSame(index, there), hasAllPartitions(index, there, in: target) else {
                    try connection.execute(there.removal)
                    try ledger.record("dropped", subject: "index \(there.qualifiedName): it differs from the source's")
                    continue
                }
                let isKept = keepsIndexes || !empty.contains(index.tableQualifiedName) || index.isOfMaterializedView
                if try isKept || !isDropped(there) { try ledger.complete(object) }
            }
        }
    }

    /// Drops an index unless something depends on it, such as a view that groups by the key.
    private func isDropped(_ index: Index) throws -> Bool {
        try connection.execute("SAVEPOINT removal")
        do {
            try connection.execute(index.removal)
        } catch let error as PostgresError where error.sqlState == "2BP01" {
            try connection.execute("ROLLBACK TO SAVEPOINT removal")
            return false
        }
        try connection.execute("RELEASE SAVEPOINT removal")
        try ledger.record("dropped", subject: "index \(index.qualifiedName): it is built after the rows")
        return true
    }

    private static func isSame(_ ours: Index, _ theirs: Index) -> Bool {
        ours.tableQualifiedName == theirs.tableQualifiedName && ours.definition == theirs.definition && theirs.isUsable
            && ours.hasSameConstraint(as: theirs)
            // An index that is not attached yet will be attached later.
            && !(ours.parentOid == nil && theirs.parentOid != nil)
    }

    /// Whether all partitions' indexes are attached; an index of a partitioned table is also valid when the target
    /// lacks some partitions.
    private func hasAllPartitions(_ ours: Index, _ theirs: Index, in target: DatabaseCatalog) -> Bool {
        let attached = Set(target.indexes.filter { $0.parentOid == theirs.oid }.map(\.qualifiedName))
        return source.indexes.allSatisfy { $0.parentOid != ours.oid || attached.contains($0.qualifiedName) }
    }
}

extension ServerText {
    /// A name as `pg_restore --list` prints it: on one line (`sanitize_line` of pg_dump).
    fileprivate func listed(as kind: String) -> ServerText {
        ServerText("\(kind) ") + replacingAll("\n", with: " ").replacingAll("\r", with: " ")
    }
}

extension Index {
    /// The statement that drops the index or its constraint.
    var removal: SQL {
        guard let constraintName else { return "DROP INDEX \(qualifiedName)" }
        return "ALTER TABLE \(tableQualifiedName) DROP CONSTRAINT \(Identifier(constraintName))"
    }
}
