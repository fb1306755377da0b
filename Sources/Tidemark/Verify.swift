import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Transfer
import Verification

/// The proof: rows by fingerprints, definitions by their attributes, sequences by their positions.
struct Verify {
    private let migration: Migration

    init(_ migration: Migration) {
        self.migration = migration
    }

    /// Compares the two databases as they are; needs no ledger, and uses its ranges where there is one.
    func run() async throws -> RunReport {
        let recorder = RunRecorder("verify", migration)
        let plan = try await plan()
        let copied = try await present(plan.tables.filter(\.treatment.bringsRows))
        let result = try await recorder.phase("verify") {
            try await SnapshotHolder.with(
                migration.source,
                tables: copied,
                lock: .definitions,
                purpose: "tidemark verify"
            ) { shared, source in
                try await compare(plan, shared, source, purpose: "tidemark verify")
            }
        }
        recorder.update { $0.verification = result }
        return recorder.finish(RunReport.Outcome(result.verdict), warnings: plan.warnings)
    }

    /// Compares at the end of a cutover, in the snapshot the rows were copied in.
    func compare(
        _ session: Session,
        _ shared: SharedSnapshot,
        _ source: ThreadConfined<Connection>
    ) async throws -> VerificationResult {
        let plan = try await session.control.run { try Ledger($0).plan() }
        return try await compare(plan, shared, source, purpose: session.purpose("verify"))
    }

    // MARK: Steps

    /// Those tables that are still there: one that has gone is a finding, not an error.
    private func present(_ planned: [TablePlan]) async throws -> [SQL] {
        try await ThreadConfined.with(migration.source, purpose: "tidemark verify") { source in
            try await source.run { connection in
                let tables = try connection.query(Table.self, CatalogQuery.tables)
                let there = Set(tables.map(\.qualifiedName))
                return planned.filter { there.contains($0.name) }.map(\.rows)
            }
        }
    }

    /// What the run's ledger tells, or a plan of its own where there is none: any two databases can be compared.
    private func plan() async throws -> Plan {
        let (target, begun) = try await ThreadConfined.with(migration.target, purpose: "tidemark verify") { target in
            try await target.run { try (DatabaseIdentity(of: $0), Ledger.begunPlan(on: $0)) }
        }
        let options = migration.options.plan
        return try await ThreadConfined.with(migration.source, purpose: "tidemark verify") { source in
            try await source.run { connection in
                guard try !DatabaseIdentity(of: connection).isSameDatabase(as: target) else {
                    throw PlanError(
                        .refused,
                        "source and target are the same database: \(target.databaseName)",
                        hint: "check --source and --target"
                    )
                }
                if let begun { return begun }
                let plan = try Planner(source: DatabaseCatalog(of: connection), target: target, options: options).plan()
                return try KeyDistribution(connection).cut(plan)
            }
        }
    }

    private func compare(
        _ plan: Plan,
        _ shared: SharedSnapshot,
        _ source: ThreadConfined<Connection>,
        purpose: String
    ) async throws -> VerificationResult {
        try await SnapshotHolder.with(migration.target, tables: [], lock: .definitions, purpose: purpose) {
            theirs,
            target in
            let here = try await source.run { try Side(of: $0) }
            let there = try await target.run { try Side(of: $0) }
            let excluded = plan.excluded
            let definitions = DefinitionComparison(source: here.catalog, target: there.catalog, excluding: excluded)
                .result()
            let sequences = SequenceComparison.result(
                source: here.sequences(excluding: excluded),
                target: there.sequences(excluding: excluded)
            )
            let rows = try await compareRows(plan, (here.catalog, shared), (there.catalog, theirs), purpose)
            return rows.merged(with: definitions).merged(with: sequences)
        }
    }

    private struct Side: Sendable {
        let catalog: DatabaseCatalog
        let positions: [QualifiedName: SequencePosition]

        init(of connection: Connection) throws {
            catalog = try DatabaseCatalog(inTransactionOf: connection)
            positions = try SequenceSetter.positions(of: catalog.sequences.map(\.qualifiedName), on: connection)
        }

        func sequences(excluding excluded: Set<QualifiedName>) -> SequenceComparison.Side {
            SequenceComparison.Side(definitions: catalog.sequences(excluding: excluded), positions: positions)
        }
    }

    private func compareRows(
        _ plan: Plan,
        _ here: (catalog: DatabaseCatalog, snapshot: SharedSnapshot),
        _ there: (catalog: DatabaseCatalog, snapshot: SharedSnapshot),
        _ purpose: String
    ) async throws -> VerificationResult {
        let ranges = comparable(plan, here.catalog, there.catalog)
        let (source, target, stop) = (migration.source, migration.target, migration.stop)
        let make: @Sendable (Interrupter) throws -> VerificationPair = { interrupter in
            try VerificationPair(
                source: (source, here.snapshot.identifier),
                target: (target, there.snapshot.identifier),
                purpose: purpose,
                interrupter: interrupter
            )
        }
        let hash = try await ThreadConfined.with(make) { pair in
            try await pair.run { try RowHash.common(to: $0.source, and: $0.target) }
        }
        let comparison = DataComparison(ranges, hash: hash) { stop.isRequested }
        for step in [DataComparison.compare, DataComparison.count] {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<max(1, migration.options.jobs) {
                    group.addTask {
                        try await ThreadConfined.with(make) { pair in try await pair.run { try step(comparison)($0) } }
                    }
                }
                try await group.waitForAll()
            }
        }
        try stop.check()
        return comparison.result()
    }

    /// Tables both sides have with the same columns; what is missing or otherwise is found by the catalogs' comparison.
    private func comparable(_ plan: Plan, _ source: DatabaseCatalog, _ target: DatabaseCatalog) -> [ComparedRange] {
        let theirs = Dictionary(target.tables.map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })
        let ours = Dictionary(source.tables.map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })
        return plan.tables.filter(\.treatment.bringsRows).flatMap { table -> [ComparedRange] in
            guard let here = ours[table.name], let there = theirs[table.name],
                Set(here.columns.map(\.name)) == Set(there.columns.map(\.name))
            else { return [] }
            return table.ranges.map { range in
                ComparedRange(
                    table: table.name,
                    rows: here.rows,
                    columns: here.columns,
                    key: table.key,
                    range: range,
                    filter: table.filter,
                    bytes: table.tableBytes / max(1, table.ranges.count)
                )
            }
        }
    }
}
