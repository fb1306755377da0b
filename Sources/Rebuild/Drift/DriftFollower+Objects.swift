import Catalog
import Ledger
import Planning
import Postgres

/// Keys, indexes and constraints that are built, or are built after their tables' rows.
extension DriftFollower {
    // MARK: Built objects

    /// Drops what is built otherwise, or enters it to be built again.
    ///
    /// - Parameter remade: Views that were dropped, and their indexes with them; they are created again.
    /// - Throws: ``PostgresError``.
    func reconcileObjects(remade: Set<QualifiedName>) throws {
        let names = Dictionary(
            uniqueKeysWithValues: drift.changes.filter { $0.isRenamed || $0.hasRenamedColumns }.map {
                ($0.relation.name, $0.later.qualifiedName)
            }
        )
        let keys = Dictionary(
            uniqueKeysWithValues: plan.tables.compactMap { table in table.key.map { (table.name, $0.indexName) } }
        )
        let wanted = RebuildPlan(source: source, excluding: plan.excluded).objects(keys: keys)
        let gone = Set(drift.gone.map(\.name))
        let objects = try ledger.objects().filter { object in
            object.stage != .rowConstraint
                && !gone.contains(QualifiedName(schema: object.schemaName, name: object.tableName))
        }
        let reconciliation = ObjectReconciliation(
            objects: objects,
            wanted: wanted,
            names: names,
            emptied: Set(emptied.filter { $0.reasonToCopyAgain != nil }.map(\.later.qualifiedName)).union(remade),
            attached: try attachedIndexes()
        )
        if !reconciliation.steps.isEmpty {
            let target = try DatabaseCatalog(inTransactionOf: connection)
            // Indexes of partitioned tables first: dropping one also drops its partitions' indexes.
            let steps =
                reconciliation.steps.filter(\.isOfPartitionedTable)
                + reconciliation.steps.filter { !$0.isOfPartitionedTable }
            var dropped: Set<UInt32> = []
            for step in steps { try take(step, on: target, names: names, &dropped) }
            try resetObjects(droppedWith: dropped, on: target, to: wanted)
        }
        try ledger.enter(wanted)
    }

    /// The target's indexes that are attached to another one.
    private func attachedIndexes() throws -> Set<QualifiedName> {
        let found = try connection.query(
            """
            SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('i', 'I') AND c.relispartition
            """
        )
        return Set(try found.map { QualifiedName(schema: try $0.text("nspname"), name: try $0.text("relname")) })
    }

    /// Whether the source's foreign keys, or the keys that they may refer to, differ from those that were built.
    func hasOtherKeys() throws -> Bool {
        struct Built: Hashable {
            let table: QualifiedName
            let kind: String
            let name: ServerText
            let statements: [ServerText]
        }
        func isKey(_ stage: RebuildStage, _ statements: [ServerText]) -> Bool {
            stage.isOfForeignKey
                || stage.isOfIndex && statements.contains { $0.contains("UNIQUE") || $0.contains("PRIMARY KEY") }
        }
        let wanted = RebuildPlan(source: source, excluding: plan.excluded).objects(keys: [:]).map {
            (
                stage: $0.stage,
                key: Built(table: $0.table, kind: $0.kind, name: $0.name, statements: $0.statements.map(\.text))
            )
        }
        let built = try ledger.objects().map {
            (
                stage: $0.stage,
                key: Built(table: $0.table, kind: $0.kind, name: $0.objectName, statements: $0.statements)
            )
        }
        let differing = Set(wanted.filter { isKey($0.stage, $0.key.statements) }.map(\.key))
            .symmetricDifference(built.filter { isKey($0.stage, $0.key.statements) }.map(\.key))
        return !differing.isEmpty
    }

    private func take(
        _ step: ObjectReconciliation.Step,
        on target: DatabaseCatalog,
        names: [QualifiedName: QualifiedName],
        _ dropped: inout Set<UInt32>
    ) throws {
        switch step {
        case .rename(let object, let definition): try ledger.rename(object, to: definition)
        case .extend(let object, let definition): try ledger.extend(object, to: definition)
        case .reset(let object, let definition):
            let before = QualifiedName(schema: object.schemaName, name: object.tableName)
            let table = names[before] ?? before
            // It may just have been dropped together with the one that it is attached to.
            if object.stepsDone > 0, let index = object.index(of: target, table: table), !dropped.contains(index.oid) {
                let root = Self.root(of: index, in: target)
                if try isThere(root.qualifiedName) {
                    try connection.execute(root.removal)
                    dropped.formUnion(Self.tree(from: root, in: target))
                    try ledger.record("dropped", subject: object.description)
                }
            }
            try ledger.reset(object, to: definition)
        }
    }

    /// An index that is attached to others goes only with the uppermost of them.
    private static func root(of index: Index, in target: DatabaseCatalog) -> Index {
        var root = index
        while let parent = root.parentOid, let above = target.indexes.first(where: { $0.oid == parent }) {
            root = above
        }
        return root
    }

    /// The object ids of an index and of all that are attached to it.
    private static func tree(from root: Index, in target: DatabaseCatalog) -> Set<UInt32> {
        var tree: Set<UInt32> = [root.oid]
        var level = [root.oid]
        while !level.isEmpty {
            let below = target.indexes.filter { $0.parentOid.map(level.contains) ?? false }.map(\.oid)
            tree.formUnion(below)
            level = below
        }
        return tree
    }

    /// Enters indexes to be built again that were dropped with the one they were attached to.
    private func resetObjects(
        droppedWith dropped: Set<UInt32>,
        on target: DatabaseCatalog,
        to wanted: [NewObject]
    ) throws {
        guard !dropped.isEmpty else { return }
        let names = Set(target.indexes.filter { dropped.contains($0.oid) }.map(\.qualifiedName))
        for object in try ledger.objects() where object.stage.isOfIndex && object.stepsDone > 0 {
            let name = QualifiedName(schema: object.schemaName, name: object.objectName)
            guard names.contains(name), try !isThere(name) else { continue }
            let now = wanted.first {
                $0.kind == object.kind && $0.table == object.table && $0.name == object.objectName
            }
            try ledger.reset(object, to: now)
        }
    }

    /// Builds what is left of the indexes of a table that is about to become a partition of one whose indexes are built.
    ///
    /// Otherwise the server would build them itself, under names of its own.
    func buildIndexes(of table: Table, attachedTo parent: Table) throws {
        let indexes = try ledger.objects().filter(\.stage.isOfIndex)
        func objects(of table: Table) -> [ObjectEntry] { indexes.filter { $0.table == table.qualifiedName } }
        guard objects(of: parent).contains(where: { $0.stepsDone > 0 }) else { return }
        // Partitions come before the tables they belong to.
        let tree = source.partitions.tree(from: table).sorted {
            source.partitions.depth(of: $0) > source.partitions.depth(of: $1)
        }
        for object in tree.flatMap(objects(of:)) where object.stepsDone < object.statements.count {
            for statement in object.statements[object.stepsDone...] {
                try during("building \(object.description)") { try connection.execute(SQL(trusted: statement)) }
            }
            try ledger.complete([object])
        }
    }

    func empty() throws {
        let planned = Set(plan.tables.map(\.name))
        // If a table is not in the plan, its rows are copied through the root of its partition tree.
        let swallowed = followed.filter { !planned.contains($0.later.qualifiedName) }
        for change in emptied + swallowed where try isThere(change.later.qualifiedName) {
            try refuseOthers(in: change.later)
            try connection.execute("TRUNCATE TABLE \(change.later.rows)")
        }
    }

    /// Enters NOT NULL and CHECK constraints, which only complete rows satisfy, to be built after the rows.
    func enterRowConstraints() throws {
        let touched = touched
        guard !touched.isEmpty else { return }
        let actual = try tables()
        let names = Set(touched.map(\.qualifiedName))
        let theirs = checks(try connection.query(Constraint.self, CatalogQuery.constraints), of: names)
        var wanted: [NewObject] = []
        for table in touched {
            guard let there = actual[table.qualifiedName] else { continue }
            let alteration = TableAlteration(from: table, to: table, isEmpty: false)
            for column in alteration.missingNotNull(in: there) {
                wanted.append(
                    NewObject(
                        table: table.qualifiedName,
                        stage: .rowConstraint,
                        kind: "NOT NULL",
                        name: column.name,
                        statements: [
                            "ALTER TABLE \(table.qualifiedName) ALTER COLUMN \(column.identifier) SET NOT NULL"
                        ],
                        bytes: table.tableBytes
                    )
                )
            }
        }
        for (name, check) in checks(source.constraints, of: names).sorted(by: { $0.key < $1.key })
        where theirs[name] == nil && check.isLocal {
            wanted.append(.check(check))
        }
        try ledger.replaceRowConstraints(of: names, with: wanted)
    }
}

extension TableDrift.Change {
    /// Whether a column has its old number and a new name.
    var hasRenamedColumns: Bool {
        later.columns.contains { column in
            relation.definition.column(numbered: column.number).map { $0.name != column.name } ?? false
        }
    }
}

extension ObjectReconciliation.Step {
    fileprivate var isOfPartitionedTable: Bool {
        switch self {
        case .reset(let object, _), .rename(let object, _), .extend(let object, _): object.stage == .partitionedIndex
        }
    }
}
