import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Verification

/// Builds the keys, indexes and constraints that the target lacks, and checks the result; the target may be in use.
struct RebuildAct {
    private static let purpose = "tidemark rebuild"

    private let context: RunContext
    private let concurrently: Bool
    private let recorder: RunRecorder

    /// - Parameters:
    ///   - context: The run's context; its origin is what the target is made like.
    ///   - concurrently: Whether writers are not blocked.
    init(_ context: RunContext, concurrently: Bool) {
        self.context = context
        self.concurrently = concurrently
        recorder = RunRecorder("rebuild", context)
    }

    /// Returns the SQL that would be run, and what cannot be rebuilt.
    func statements() async throws -> (statements: [String], refused: [String]) {
        try await ThreadConfined.with(context.target, purpose: Self.purpose) { control in
            let plan = try await plan(control)
            return (plan.repairs.flatMap { $0.steps.flatMap(\.script) }.map(\.string), plan.refused)
        }
    }

    func run() async throws -> RunReport {
        try await recorder.recording { try await work() }
    }

    private func work() async throws -> RunReport {
        try await ThreadConfined.with(context.target, purpose: Self.purpose) { control in
            try await control.run { connection in
                try Ledger.lockTarget(connection)
                // A killed client may have left a session that is still building the same index.
                try connection.endSessions(named: Self.purpose)
                try Ledger.endLeftovers(on: connection)
            }
            let plan = try await plan(control)
            for reason in plan.refused { context.note("cannot be rebuilt: \(reason)") }
            recorder.warn(plan.refused)
            try await recorder.phase(.rebuild) {
                for stage in RebuildStage.allCases {
                    let repairs = plan.repairs.filter { $0.stage == stage }
                    let parts = concurrently ? [] : repairs.map(\.parts)
                    try await carryOut(parts.compactMap(\.build), byTable: false)
                    try await carryOut(concurrently ? repairs : parts.compactMap(\.rest), byTable: true)
                    try context.stop.check()
                }
            }
            let result = try await recorder.phase(.verify) { try await comparison(control) }
            recorder.record(.verified(result))
            return recorder.finish(RunReport.Outcome(result.verdict))
        }
    }

    // MARK: Comparison

    private func plan(_ control: ThreadConfined<Connection>) async throws -> RepairPlan {
        let (source, target, excluded) = try await catalogs(control)
        if concurrently, ServerVersion(number: target.identity.serverVersionNumber).corruptsConcurrentBuilds {
            throw PlanError(
                .refused,
                "PostgreSQL \(target.identity.serverVersion) may corrupt indexes that are built concurrently",
                hint: "upgrade the target to 14.4 or later, or stop all writes to it and rebuild without --concurrently"
            )
        }
        return RepairPlan(source: source, target: target, excluding: excluded, concurrently: concurrently)
    }

    private func catalogs(
        _ control: ThreadConfined<Connection>
    ) async throws -> (source: DatabaseCatalog, target: DatabaseCatalog, excluded: Set<QualifiedName>) {
        let (there, begun, run) = try await control.run {
            try (DatabaseCatalog(of: $0), Ledger.begunPlan(on: $0), Ledger.run(on: $0))
        }
        let options = context.leavingOut(run?.omissions ?? []).options
        let (source, target) = (options.wanted(try await modelCatalog(control)), options.wanted(there))
        try Refusals.same(source.identity, target.identity)
        let asked = context.options.plan.treatments.filter { $0.value == .excluded }.keys
        let worded = try await control.run { try Wording($0).source(source, inWordsOf: target) }
        return (worded, target, (begun?.excluded ?? []).union(asked))
    }

    private func modelCatalog(_ control: ThreadConfined<Connection>) async throws -> DatabaseCatalog {
        switch context.origin {
        case .database(let source):
            return try await Connection.with(source, purpose: Self.purpose) { try DatabaseCatalog(of: $0) }
        case .archive(let wanted): return wanted.recorded.catalog
        case .ledger:
            let kept = try await control.run { connection in
                try Ledger.run(on: connection).flatMap { _ in try Ledger(connection).catalog() }
            }
            guard let kept else {
                throw LedgerError(
                    .missing,
                    "the target has no ledger with the source's definitions",
                    hint: "name the source: tidemark rebuild --source … --target …"
                )
            }
            context.note("using the source's definitions as of \(kept.readAt)")
            return kept.catalog
        }
    }

    /// Compares keys, indexes and constraints; rows are left to `verify`.
    private func comparison(_ control: ThreadConfined<Connection>) async throws -> VerificationResult {
        let (source, target, excluded) = try await catalogs(control)
        // Rebuild does not change the database's own settings.
        return DefinitionComparison(
            source: source,
            target: target,
            scope: Scope(excluding: excluded, omitting: [.databaseSettings])
        ).result()
    }

    // MARK: Repairing

    private func carryOut(_ repairs: [Repair], byTable: Bool) async throws {
        guard !repairs.isEmpty else { return }
        let queue = RepairQueue(repairs, byTable: byTable)
        let jobs = min(context.options.indexJobs, queue.count)
        let budget = BuildBudget(memoryBytes: context.options.indexMemoryBytes, jobs: jobs)
        let watching = Task { try await watch() }
        // Cancelled, because waiting for its next interval could take longer than a short build.
        defer { watching.cancel() }
        try await Connection.each(jobs, context.target, purpose: Self.purpose) { [context, recorder] connection, _ in
            let repairer = try Repairer(connection, budget: budget, stop: context.stop) { context.note($0) }
            while !context.stop.isRequested, let next = queue.next() {
                for repair in next {
                    context.note("\(repair.object) is \(repair.reason)")
                    try repairer.carryOut(repair)
                    recorder.record(.built(1))
                }
            }
        }
    }

    /// Reports the progress of builds, and the server process that each one waits for.
    private func watch() async throws {
        let interval = Duration.seconds(3)
        try await Task.sleep(for: interval)
        // The server shows progress only to the session's own user, which --role does not change.
        try await ThreadConfined.with(context.target.asSessionUser, purpose: "\(Self.purpose) progress") { watcher in
            while true {
                for line in try await watcher.run({ try Self.progress($0) }) { context.note(line) }
                try await Task.sleep(for: interval)
            }
        }
    }

    private static func progress(_ connection: Connection) throws -> [String] {
        try connection.query(
            """
            SELECT p.relid::pg_catalog.regclass::text AS table_name, p.phase, p.current_locker_pid AS blocker,
                   CASE WHEN p.blocks_total > 0 THEN 100 * p.blocks_done / p.blocks_total END AS percent
            FROM pg_catalog.pg_stat_progress_create_index p
            JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid
            WHERE p.datname = pg_catalog.current_database() AND a.application_name LIKE \(literal: "\(purpose)%")
            """
        ).map { row in
            let percent = row["percent"].map { " \($0.visible)%" } ?? ""
            let blocker = row["blocker"].flatMap { $0 == "0" ? nil : ", waits for server process \($0.visible)" } ?? ""
            return "\((row["table_name"] ?? "").visible): \((row["phase"] ?? "").visible)\(percent)\(blocker)"
        }
    }
}
