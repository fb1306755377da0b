package import Catalog
package import Planning
package import Postgres

/// Tries the next INSERT on every table and rolls it back.
///
/// An existing row is inserted again, with the next values of the sequences that its columns use. That must succeed;
/// if no column uses a sequence, the key must reject it. Only a dead row is left. No sequence advances, and tables
/// whose triggers or rules would run the application's code are skipped.
package struct InsertProbe: Sendable {
    /// Time limits for each table, because the target may be in use; a table that exceeds them is skipped.
    private static let limits: SQL = "SET lock_timeout = '1s'; SET statement_timeout = '10s'"

    private let tables: [Table]
    /// Tables where an INSERT runs the application's code.
    private let passedOver: Set<UInt32>
    /// Sequences by table and column.
    private let sequences: [QualifiedName: [ServerText: SequenceDefinition]]
    private let indexes: [QualifiedName: Index]
    private let primaryKeys: [UInt32: Index]

    /// - Parameters:
    ///   - catalog: The target's catalog.
    ///   - facts: They name the tables that run code on INSERT.
    ///   - scope: What was to be copied.
    package init(catalog: DatabaseCatalog, facts: ReadinessFacts, scope: Scope) {
        tables = catalog.tables.filter { $0.parentOid == nil && scope.contains($0.qualifiedName) }
        // A row inserted through a partitioned table also runs the code of its partition.
        let running = catalog.tables.filter { facts.withInsertCode.contains($0.oid) }
        let partitions = catalog.partitions
        passedOver = facts.withInsertCode.union(running.flatMap { partitions.ancestors(of: $0).map(\.oid) })
        var sequences: [QualifiedName: [ServerText: SequenceDefinition]] = [:]
        for sequence in catalog.sequences {
            for column in sequence.columns { sequences[column.tableName, default: [:]][column.column] = sequence }
        }
        self.sequences = sequences
        indexes = Dictionary(keepingFirst: catalog.indexes.map { ($0.qualifiedName, $0) })
        let usable = catalog.indexes.filter { $0.isPrimary && $0.isUsable }
        primaryKeys = Dictionary(keepingFirst: usable.map { ($0.tableOid, $0) })
    }

    /// How many connections can share the work.
    package var batches: Int { (tables.count + Self.tablesTogether - 1) / Self.tablesTogether }

    /// The results for a share of the tables.
    package struct Attempts: Sendable {
        fileprivate var tried = 0
        fileprivate var findings: [Finding] = []
        /// The tables into which one row was written before it was rolled back; their server has counted it.
        package fileprivate(set) var counted: [QualifiedName] = []
    }

    /// Errors that come after a row was written: a key, an exclusion, or a foreign key rejects it.
    private static let afterWriting: Set<String> = ["23505", "23P01", "23503"]

    /// The result of one table's INSERT.
    private enum Outcome {
        /// It succeeded, or the key rejected it as it must.
        case right
        /// It shows nothing about the table.
        case notTried
        case wrong(Finding)
    }

    /// Tries a share of the tables.
    ///
    /// - Parameters:
    ///   - share: The number of the share, from 0.
    ///   - count: The number of shares.
    ///   - target: A connection used for nothing else, without an open transaction.
    ///   - stop: Asked between two tables; a request ends the work.
    /// - Returns: The results.
    /// - Throws: ``PostgresError``.
    package func attempt(_ share: Int, of count: Int, on target: Connection, stop: StopRequest) throws -> Attempts {
        var attempts = Attempts()
        try target.execute(Self.limits)
        let mine = stride(from: share, to: tables.count, by: count).map { tables[$0] }
        var rest = mine.filter(isTriable)[...]
        while !rest.isEmpty, !stop.isRequested {
            let some = Array(rest.prefix(Self.tablesTogether))
            rest = rest.dropFirst(some.count)
            let inserts = try inserts(into: some, on: target)
            // After a refusal the transaction is still open, so its end is a group of its own.
            let outcomes = try target.pipeline(inserts.flatMap { [$0.statements, ["ROLLBACK"]] })
            for (index, insert) in inserts.enumerated() { enter(outcomes[2 * index], of: insert, &attempts) }
        }
        return attempts
    }

    /// How many tables are tried in a round trip or two.
    private static let tablesTogether = 50

    private func isTriable(_ table: Table) -> Bool {
        !passedOver.contains(table.oid) && !table.isRowSecurityActive && !table.copiedColumns.isEmpty
    }

    /// One INSERT, with the sequences whose next values it uses.
    private struct Insert {
        let table: Table
        let drawing: [ServerText: SequenceDefinition]
        let statements: [SQL]
    }

    /// Prepares an INSERT for each table; none for a table whose sequence has reached its end.
    private func inserts(into tables: [Table], on target: Connection) throws -> [Insert] {
        let drawing = tables.map { sequences[$0.qualifiedName] ?? [:] }
        let all = drawing.flatMap { $0.values.map(\.qualifiedName) }
        let looks = try target.pipeline(all.map { ["SELECT last_value, is_called FROM \($0)"] })
        let positions = try zip(all, looks).map { name, look in
            guard let row = try look.answers().first?.rows.first else {
                throw PostgresError(.unexpectedAnswer, "sequence \(name) has no position")
            }
            let position = SequencePosition(
                lastValue: try row.integer("last_value"),
                isCalled: try row.boolean("is_called")
            )
            return (name, position)
        }
        let known = Dictionary(keepingFirst: positions)
        return zip(tables, drawing).compactMap { table, drawing in
            let next = drawing.compactMapValues { sequence in
                known[sequence.qualifiedName].flatMap { Self.next($0, of: sequence) }
            }
            guard next.count == drawing.count else { return nil }
            let columns = table.copiedColumns
            let values = columns.map { column -> SQL in
                next[column.name].map { "\(literal: String($0))::\(SQL(trusted: column.type))" }
                    ?? "\(column.identifier)"
            }
            let insert: SQL = """
                INSERT INTO \(table.qualifiedName) (\(columns.map(\.identifier).commaSeparated)) OVERRIDING SYSTEM VALUE
                SELECT \(values.joined(separator: ", ")) FROM \(table.qualifiedName) LIMIT 1
                """
            return Insert(
                table: table,
                drawing: drawing,
                statements: ["BEGIN", insert, "SET CONSTRAINTS ALL IMMEDIATE"]
            )
        }
    }

    /// The next value; nil if the sequence has reached its end.
    private static func next(_ position: SequencePosition, of sequence: SequenceDefinition) -> Int? {
        let next = position.next(increment: sequence.increment)
        return next > sequence.maxValue || next < sequence.minValue ? nil : next
    }

    private func enter(_ outcome: Connection.GroupOutcome, of insert: Insert, _ attempts: inout Attempts) {
        let isWritten: Bool
        let result: Outcome
        switch outcome {
        case .done(let answers):
            // An empty table has no row to try with.
            isWritten = answers[1].count == 1
            result = isWritten ? accepted(insert) : .notTried
        case .refused(let error, let statement):
            isWritten = statement > 1 || Self.afterWriting.contains(error.sqlState ?? "")
            result = judge(error, of: insert.table, drawing: insert.drawing)
        }
        // A partitioned table's row is counted for one of its partitions.
        if isWritten, !insert.table.isPartitioned { attempts.counted.append(insert.table.qualifiedName) }
        switch result {
        case .right: attempts.tried += 1
        case .notTried: break
        case .wrong(let finding):
            attempts.tried += 1
            attempts.findings.append(finding)
        }
    }

    private func accepted(_ insert: Insert) -> Outcome {
        guard insert.drawing.isEmpty, let key = primaryKeys[insert.table.oid] else { return .right }
        return .wrong(
            finding(
                insert.table,
                problem: "duplicate-accepted",
                "its primary key \(key.name.visible) accepted a row that already exists: the index is damaged",
                repair: "REINDEX INDEX CONCURRENTLY \(key.qualifiedName.quoted)"
            )
        )
    }

    /// Returns how many tables there are, how many were tried, and which failed.
    package func result(_ attempts: [Attempts]) -> VerificationResult {
        var result = VerificationResult(method: "INSERT")
        result.findings = attempts.flatMap(\.findings).sorted { $0.object < $1.object }
        let tried = attempts.reduce(0) { $0 + $1.tried }
        result.examined.append(.init(kind: "INSERT tried", source: tables.count, target: tried))
        return result
    }

    private func judge(_ error: PostgresError, of table: Table, drawing: [ServerText: SequenceDefinition]) -> Outcome {
        switch error.sqlState {
        case "23505", "23P01":
            // The constraint belongs to the table or to one of its partitions.
            let name = error.constraintName.map { QualifiedName(schema: table.schema, name: $0) }
            let index = name.flatMap { indexes[$0] }
            let columns = (index?.keyColumns ?? []).compactMap(\.self)
            guard let column = columns.first(where: { drawing[$0] != nil }), let sequence = drawing[column] else {
                return .right
            }
            return .wrong(
                finding(
                    table,
                    problem: "key-taken",
                    "the next value of sequence \(sequence.qualifiedName) is already in column \(Identifier(column))",
                    repair: Self.advance(sequence, beyond: column, of: table)
                )
            )
        // A constraint uses a virtual column that cannot be computed for this row: not a fault of the INSERT.
        case let state? where state.prefix(2) == "22" && table.columns.contains(where: { !$0.isHeld }): return .notTried
        // The existing row would be rejected today: a constraint is not validated, or its partition no longer exists.
        case let state? where ["23", "55", "57"].contains(state.prefix(2)): return .notTried
        default: return .wrong(finding(table, problem: "fails", "the next INSERT fails: \(error.message)"))
        }
    }

    private static func advance(_ sequence: SequenceDefinition, beyond column: ServerText, of table: Table) -> String {
        let name = Escaping.literal(ServerText(sequence.qualifiedName.quoted))
        let extreme = sequence.increment > 0 ? "max" : "min"
        let column = Identifier(column).quoted
        return "SELECT setval(\(name), (SELECT \(extreme)(\(column)) FROM \(table.qualifiedName.quoted)))"
    }

    private func finding(_ table: Table, problem: Finding.Problem, _ message: String, repair: String? = nil)
        -> Finding
    {
        Finding(
            "INSERT",
            object: table.qualifiedName.description,
            problem: problem,
            severity: .stops,
            message,
            repair: repair
        )
    }
}
