import Catalog
import Planning
import Postgres
import Rebuild
import Report
import Synchronization
import Verification

/// Reads the source's rows for what would let a later step fail, in several sessions at the same time.
struct DeepInspection: Sendable {
    /// One thing to look at.
    private enum Item: Sendable {
        case key(Index)
        case foreignKey(Constraint)
        case rows(Table)

        var table: QualifiedName {
            switch self {
            case .key(let index): index.tableQualifiedName
            case .foreignKey(let constraint): constraint.tableQualifiedName
            case .rows(let table): table.qualifiedName
            }
        }

        var name: String {
            switch self {
            case .key(let index): "\(index.objectKind) \(index.qualifiedName)"
            case .foreignKey(let constraint): "foreign key \(Identifier(constraint.name)) of \(table)"
            case .rows: "the rows of \(table)"
            }
        }
    }

    /// Tables are named while they are read from this size on, in bytes.
    private static let worthSaying = 256 << 20

    let source: Endpoint
    let catalog: DatabaseCatalog
    /// How the tables are treated; nil if that could not be decided.
    let plan: Plan?
    let jobs: Int
    let stop: StopRequest
    let note: @Sendable (String) -> Void

    /// Reads all of it.
    ///
    /// - Returns: The findings, in no order.
    /// - Throws: ``PostgresError``.
    func findings() async throws -> [Finding] {
        let sizes = Dictionary(keepingFirst: catalog.tables.map { ($0.qualifiedName, $0.tableBytes) })
        let excluded = plan?.excluded ?? []
        let conditions = Dictionary(keepingFirst: (plan?.tables ?? []).map { ($0.name, $0.filter) })
        let items = self.items.filter { !excluded.contains($0.table) }.sorted {
            (sizes[$0.table] ?? 0) < (sizes[$1.table] ?? 0)
        }
        let queue = Mutex(items)
        let found = try await Connection.each(jobs, source, purpose: "tidemark inspect rows") { connection, _ in
            var found: [Finding] = []
            while !stop.isRequested, let item = queue.withLock({ $0.popLast() }) {
                if sizes[item.table] ?? 0 >= Self.worthSaying {
                    note("reading \(item.name) (\(Quantity.count(queue.withLock(\.count), "more")) to read)")
                }
                let condition = conditions[item.table].flatMap(\.self).map { SQL(trusted: $0) }
                found += try Self.findings(of: item, where: condition, on: connection)
            }
            return found
        }
        try stop.check()
        return found.flatMap(\.self)
    }

    private var items: [Item] {
        catalog.indexes.filter { $0.isUnique && !$0.isPartitioned && $0.isUsable }.map(Item.key)
            + catalog.constraints.filter { $0.kind == .foreignKey && $0.parentOid == nil && $0.isValidated }
            .map(Item.foreignKey)
            + catalog.tables.filter { !$0.isPartitioned }.map(Item.rows)
    }

    private static func findings(
        of item: Item,
        where condition: SQL?,
        on connection: Connection
    ) throws -> [Finding] {
        do {
            return try connection.transaction(.snapshot) {
                try connection.doWithoutIndexes()
                switch item {
                case .key(let index):
                    return [try DuplicateKeys.finding(of: index, where: condition, on: connection)].compactMap(\.self)
                case .rows(let table):
                    return [try LongRows.finding(in: table, where: condition, on: connection)].compactMap(\.self)
                case .foreignKey(let constraint):
                    return try orphans(of: constraint, where: condition, on: connection)
                }
            }
        } catch let error as PostgresError where error.isRefusal {
            return [
                Finding(
                    "table",
                    object: item.table.description,
                    problem: "unexamined",
                    severity: .note,
                    "\(item.name) could not be read: \(error)"
                )
            ]
        }
    }

    private static func orphans(
        of constraint: Constraint,
        where condition: SQL?,
        on connection: Connection
    ) throws -> [Finding] {
        let table = constraint.tableQualifiedName
        let found = try ForeignKeyOrphans.find(constraint.name, of: table, among: condition ?? "true", on: connection)
        return found.map { orphans in
            [
                Finding(
                    "foreign key",
                    object: "\(Identifier(constraint.name).quoted) on \(table)",
                    problem: "orphans",
                    severity: .stops,
                    "\(orphans): it was bypassed on the source, and cannot be validated on the target; repair the rows on the source, "
                        + "or postpone the validation with --foreign-keys later",
                    source: constraint.definition
                )
            ]
        } ?? []
    }
}
