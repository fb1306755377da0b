package import Catalog
import Planning
package import Postgres

/// Tries the next INSERT of every table, and takes it back.
///
/// A row that is there is inserted once more, with the next value of the sequences its columns draw from. That must
/// succeed; where no column draws from a sequence the key must refuse it. Nothing is left but a dead row: no sequence moves,
/// and tables whose triggers or rules would run the application's code are passed over.
package struct InsertProbe {
    /// In which a table is tried, or passed over: the target may be in use.
    private static let limits: SQL = "SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '10s'"

    private let target: Connection
    private let catalog: DatabaseCatalog
    /// Tables an INSERT into which runs the application's code.
    private let passedOver: Set<UInt32>
    /// Sequences by table and column.
    private let sequences: [QualifiedName: [String: SequenceDefinition]]
    private let indexes: [QualifiedName: Index]

    /// - Parameters:
    ///   - target: A connection without an open transaction.
    ///   - catalog: What the target contains.
    ///   - facts: Which tables run code on INSERT.
    package init(_ target: Connection, catalog: DatabaseCatalog, facts: ReadinessFacts) {
        self.target = target
        self.catalog = catalog
        // A row that goes in through a partitioned table meets what its partition runs.
        let running = catalog.tables.filter { facts.withInsertCode.contains($0.oid) }
        let partitions = catalog.partitions
        passedOver = facts.withInsertCode.union(running.flatMap { partitions.ancestors(of: $0).map(\.oid) })
        var sequences: [QualifiedName: [String: SequenceDefinition]] = [:]
        for sequence in catalog.sequences {
            for column in sequence.columns { sequences[column.tableName, default: [:]][column.column] = sequence }
        }
        self.sequences = sequences
        indexes = Dictionary(catalog.indexes.map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// What became of one table's INSERT.
    private enum Outcome {
        /// It worked, or the key refused it as it must.
        case right
        /// Nothing can be said.
        case notTried
        case wrong(Finding)
    }

    /// Tries all tables.
    ///
    /// - Parameters:
    ///   - excluded: Tables that were not brought over.
    ///   - isStopped: Ends the work between two tables.
    /// - Returns: How many tables there are, how many were tried, and which fail.
    /// - Throws: ``PostgresError``.
    package func run(excluding excluded: Set<QualifiedName>, isStopped: () -> Bool) throws -> VerificationResult {
        var result = VerificationResult(method: "INSERT")
        let tables = catalog.tables.filter { $0.parentOid == nil && !excluded.contains($0.qualifiedName) }
        var tried = 0
        for table in tables where !isStopped() {
            switch try outcome(of: table) {
            case .right: tried += 1
            case .notTried: break
            case .wrong(let finding):
                tried += 1
                result.findings.append(finding)
            }
        }
        result.examined.append(.init(kind: "INSERT tried", source: tables.count, target: tried))
        return result
    }

    private func outcome(of table: Table) throws -> Outcome {
        let columns = table.copiedColumns
        guard !passedOver.contains(table.oid), !table.isRowSecurityActive, !columns.isEmpty else {
            return .notTried
        }
        let drawing = sequences[table.qualifiedName] ?? [:]
        let next = try drawing.compactMapValues { try nextValue(of: $0) }
        guard next.count == drawing.count else { return .notTried }
        let values = columns.map { column -> SQL in
            next[column.name].map { "\(literal: String($0))::\(SQL(trusted: column.type))" } ?? "\(column.identifier)"
        }
        try target.execute("BEGIN; \(Self.limits)")
        defer { target.rollBack() }
        do {
            let inserted = try target.execute(
                """
                INSERT INTO \(table.qualifiedName) (\(columns.map(\.identifier).commaSeparated)) OVERRIDING SYSTEM VALUE
                SELECT \(values.joined(separator: ", ")) FROM \(table.qualifiedName) LIMIT 1
                """
            )
            try target.execute("SET CONSTRAINTS ALL IMMEDIATE")
            // An empty table has no row to try with.
            guard inserted == 1 else { return .notTried }
            guard drawing.isEmpty, let key = primaryKey(of: table) else { return .right }
            return .wrong(
                finding(
                    table,
                    "duplicate-accepted",
                    "its primary key \(key.name) let in a row that was there: the index is damaged",
                    repair: "REINDEX INDEX CONCURRENTLY \(key.qualifiedName.quoted)"
                )
            )
        } catch let error as PostgresError where error.code == .statementFailed {
            return judge(error, table, drawing)
        }
    }

    private func judge(_ error: PostgresError, _ table: Table, _ drawing: [String: SequenceDefinition]) -> Outcome {
        switch error.sqlState {
        case "23505", "23P01":
            // Of the table, or of a partition of it.
            let name = error.constraintName.map { QualifiedName(schema: table.schema, name: $0) }
            let index = name.flatMap { indexes[$0] }
            let columns = (index?.keyColumns ?? []).compactMap(\.self)
            guard let column = columns.first(where: { drawing[$0] != nil }), let sequence = drawing[column] else {
                return .right
            }
            return .wrong(
                finding(
                    table,
                    "key-taken",
                    "the next value of sequence \(sequence.qualifiedName) is taken in column \(Identifier(column))",
                    repair: Self.advance(sequence, beyond: column, of: table)
                )
            )
        // The row that is there would not be let in today: its constraint is not validated, or its partition is gone.
        case let state? where state.hasPrefix("23") || state.hasPrefix("55") || state.hasPrefix("57"): return .notTried
        default: return .wrong(finding(table, "fails", "the next INSERT fails: \(error.message)"))
        }
    }

    private static func advance(_ sequence: SequenceDefinition, beyond column: String, of table: Table) -> String {
        let name: SQL = "\(literal: sequence.qualifiedName.quoted)"
        let extreme = sequence.increment > 0 ? "max" : "min"
        let column = Identifier(column).quoted
        return "SELECT setval(\(name.text), (SELECT \(extreme)(\(column)) FROM \(table.qualifiedName.quoted)))"
    }

    private func finding(_ table: Table, _ problem: Finding.Problem, _ message: String, repair: String? = nil)
        -> Finding
    {
        Finding("INSERT", table.qualifiedName.description, problem, .stops, message, repair: repair)
    }

    private func primaryKey(of table: Table) -> Index? {
        catalog.indexes.first { $0.isPrimary && $0.isUsable && $0.tableOid == table.oid }
    }

    /// nil where the sequence has come to its end.
    private func nextValue(of sequence: SequenceDefinition) throws -> Int? {
        let row = try target.queryOne("SELECT last_value, is_called FROM \(sequence.qualifiedName)")
        let position = SequencePosition(
            lastValue: try row.integer("last_value"),
            isCalled: try row.boolean("is_called")
        )
        let next = position.next(increment: sequence.increment)
        return next > sequence.maxValue || next < sequence.minValue ? nil : next
    }
}
