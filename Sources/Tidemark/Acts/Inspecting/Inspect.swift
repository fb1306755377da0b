import Catalog
import FoundationEssentials
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Verification

/// Checks both sides for problems before a migration.
struct Inspect {
    private static let purpose = "tidemark inspect"

    let context: RunContext
    let source: Endpoint
    let depth: InspectionDepth

    /// Checks both sides.
    ///
    /// - Returns: The findings.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    func run() async throws -> InspectionReport {
        let (target, begun) = try await Connection.with(context.target, purpose: Self.purpose) {
            try (DatabaseCatalog(of: $0), BegunRun(on: $0))
        }
        let context = context.leavingOut(begun?.run.omissions ?? [])
        return try await Inspect(context: context, source: source, depth: depth).run(
            context.options.wanted(target),
            begun
        )
    }

    /// Checks a source while there is no target.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - options: The operator's choices.
    ///   - rows: Looks at the rows.
    /// - Returns: The findings.
    /// - Throws: ``PostgresError``.
    static func alone(
        _ source: Endpoint,
        _ options: MigrationOptions,
        looking rows: RowInspection
    ) async throws -> InspectionReport {
        let (catalog, risks, refusing) = try await Connection.with(source, purpose: purpose) {
            try (
                options.wanted(DatabaseCatalog(of: $0)), options.wanted(NightRisk.all(on: $0)),
                RefusedUpdates.findings(on: $0, for: nil, options)
            )
        }
        var refused: [Finding] = []
        var plan: Plan?
        do {
            // Text keys are cut as for a target that sorts alike.
            plan = try await SourceSurvey(
                of: source,
                for: catalog.identity,
                options: options,
                begun: nil,
                cutting: false
            ).plan
        } catch let error as PlanError {
            refused = [Self.refusal("plan", error)]
        }
        let excluded = plan?.excluded ?? []
        let broken = try await Connection.with(source, purpose: purpose) {
            try BrokenExpressions.findings(of: catalog, excluding: excluded, on: $0)
        }
        // pg_dump has to be that of the target's version, which is not known yet.
        let findings =
            refused + broken + refusing + Obstacles.unreadableExtensionRows(of: catalog, options)
            + NightInspection.findings(risks, plan: plan)
        return report(of: source, nil, findings + (try await rows.findings(catalog, plan)))
    }

    private static func report(of source: Endpoint, _ target: Endpoint?, _ findings: [Finding]) -> InspectionReport {
        InspectionReport(
            source: source.description,
            target: target?.description,
            findings: findings.sorted { ($1.severity, $0.kind, $0.object) < ($0.severity, $1.kind, $1.object) },
            toolVersion: Versions.tidemark,
            endedAt: Date.now.formatted(.iso8601)
        )
    }

    private static func refusal(_ what: String, _ error: any Error) -> Finding {
        Finding("precopy", object: what, problem: "refused", severity: .stops, "\(error)")
    }

    private func run(_ target: DatabaseCatalog, _ begun: BegunRun?) async throws -> InspectionReport {
        let options = context.options
        let (catalog, access, risks, refusing) = try await Connection.with(source, purpose: Self.purpose) {
            try (
                options.wanted(DatabaseCatalog(of: $0)), Definitions.Access($0), options.wanted(NightRisk.all(on: $0)),
                RefusedUpdates.findings(on: $0, for: target.identity.serverVersion, options)
            )
        }
        let (refused, plan) = try await refusals(of: catalog, for: target, begun: begun)
        let rows = RowInspection(
            depth: depth,
            source: source,
            jobs: context.options.jobs,
            stop: context.stop,
            note: context.note
        )
        guard !options.isStage else {
            // Everything else the target has is its own.
            let findings = try await refused + connections(context) + rows.findings(catalog, plan)
            return Self.report(of: source, context.target, findings)
        }
        let (tools, ofTools) = try await Self.tools(
            servers: [catalog.identity.serverVersion, target.identity.serverVersion],
            directory: context.options.toolDirectory
        )
        let obstacles = Obstacles(
            context: context,
            source: source,
            catalog: catalog,
            target: target,
            begun: begun,
            plan: plan
        )
        var trial: FreshTrial.Outcome?
        var untried: [Finding] = []
        if refused.contains(where: { $0.object == "target" }) {
            // The target would refuse everything for one reason.
            untried = [Self.untried]
        } else if let tools {
            do {
                trial = try await obstacles.trial(tools, access)
            } catch let error as PlanError {
                untried = [Self.refusal("plan", error), Self.untried]
            } catch let error where !refused.isEmpty && (error is ToolError || error is PostgresError) {
                // What precopy would refuse may also keep pg_dump from reading the definitions.
                untried = [Self.untried]
            }
        }
        let findings =
            try await ofTools + untried + refused + refusing + exchanged(source: catalog, target: target, begun)
            + connections(context) + TextInspection.findings(source: catalog.identity, target: target.identity)
            + NightInspection.findings(risks, plan: plan) + room(for: catalog, beside: target)
            + rows.findings(catalog, plan) + obstacles.findings(trial, couldBeTried: untried.isEmpty)
        return Self.report(of: source, context.target, findings)
    }

    private static let untried = Finding(
        "definitions",
        object: "all",
        problem: "untried",
        severity: .note,
        "they could not be tried on the target; inspect again after fixing what precopy would refuse"
    )

    private func room(for catalog: DatabaseCatalog, beside target: DatabaseCatalog) async throws -> [Finding] {
        try await Connection.with(context.target, purpose: Self.purpose) {
            try TargetRoom.findings(for: catalog, beside: target, on: $0)
        }
    }

    /// Too few free connections on either side.
    private func connections(_ context: RunContext) async throws -> [Finding] {
        let jobs = context.options.jobs
        // As REFERENCE.md says; one on each side watches for locks.
        let needed = [(source, jobs + 4), (context.target, jobs + context.options.indexJobs + 3)]
        var findings: [Finding] = []
        for (server, count) in needed {
            let room = try await Connection.with(server, purpose: Self.purpose) { try ConnectionRoom(on: $0) }
            guard let shortage = room.shortage(of: count, on: server.side) else { continue }
            findings.append(
                Finding(
                    "server",
                    object: "\(server.side.rawValue)",
                    problem: "too-few-connections",
                    severity: .hurts,
                    shortage
                )
            )
        }
        return findings
    }

    /// A source without tables, and a target that has some: the two were probably exchanged.
    private func exchanged(source: DatabaseCatalog, target: DatabaseCatalog, _ begun: BegunRun?) -> [Finding] {
        guard source.tables.isEmpty, !target.tables.isEmpty, begun == nil else { return [] }
        let bytes = target.tables.reduce(0) { $0 + $1.tableBytes }
        return [
            Finding(
                "database",
                object: source.identity.databaseName,
                problem: "exchanged",
                severity: .stops,
                "the source has no table, and the target has \(target.tables.count) (\(bytes >> 20) MiB): "
                    + "--source and --target are probably exchanged"
            )
        ]
    }

    /// Returns what precopy would refuse before it does anything, and the plan if there is one.
    private func refusals(
        of catalog: DatabaseCatalog,
        for there: DatabaseCatalog,
        begun: BegunRun?
    ) async throws -> (refused: [Finding], plan: Plan?) {
        let opening = LiveOpening(context: context, source: source)
        let target = there.identity
        var refused: [Finding] = []
        var plan: Plan?
        func attempt(_ what: String, _ body: () async throws -> Void) async throws {
            do {
                try await body()
            } catch let error where error is PlanError || error is LedgerError {
                refused.append(Self.refusal(what, error))
            }
        }
        try await attempt("databases") { try Refusals.same(catalog.identity, target) }
        if refused.isEmpty {
            try await attempt("versions") { try Refusals.versions(catalog.identity, target) }
            try await attempt("plan") {
                // Bounds and conditions are checked against the source's rows, where there are any.
                let asked = context.options.plan
                let cutting = begun == nil && !(asked.filters.isEmpty && asked.immutableBelow.isEmpty)
                plan = try await opening.survey(for: target, begun, cutting: cutting).plan
            }
        }
        try await ThreadConfined.with(context.target, purpose: Self.purpose) { connection in
            try await attempt("target") { try await connection.run { try Refusals.unfit(target, on: $0) } }
            try await attempt("ledger") {
                try await connection.run { try opening.refuseTakingOver($0, catalog.identity, mayCreate: true) }
            }
            try await attempt("stage") {
                try opening.refuseStage(in: begun)
                guard let plan, context.options.isStage, begun == nil else { return }
                try await opening.refuseUnfitStage(plan, catalog, into: there, on: connection)
            }
        }
        return (refused, plan)
    }

    /// Finds `pg_dump`, and notes if it is older than the servers.
    private static func tools(
        servers: [ServerVersion],
        directory: String?
    ) async throws -> (tools: PostgresTools?, findings: [Finding]) {
        do {
            let tools = try await PostgresTools.find(major: servers.map(\.major).max() ?? 0, in: directory)
            let findings = Set(servers).filter(tools.areOlder(than:)).sorted().map { server in
                Finding(
                    "client",
                    object: "pg_dump",
                    problem: "older-minor",
                    severity: .note,
                    "pg_dump \(tools.version) is older than a server of version \(server): "
                        + "it may write definitions wrongly that a newer pg_dump writes correctly",
                    repair: "apt-get install --only-upgrade postgresql-client-\(server.major)"
                )
            }
            return (tools, findings)
        } catch let error as ToolError {
            return (nil, [Finding("client", object: "pg_dump", problem: .missing, severity: .stops, "\(error)")])
        }
    }
}
