import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Verification

/// Checks both sides for problems before a migration.
struct Inspecting {
    private static let purpose = "tidemark inspect"

    private let migration: Migration

    init(_ migration: Migration) {
        self.migration = migration
    }

    func run() async throws -> InspectionReport {
        let (target, begun) = try await ThreadConfined.with(migration.target, purpose: Self.purpose) { target in
            try await target.run { try (DatabaseCatalog(of: $0), BegunRun(on: $0)) }
        }
        var migration = migration
        migration.options.omissions.formUnion(begun?.run.omissions ?? [])
        return try await Inspecting(migration).run(target, begun)
    }

    private func run(_ target: DatabaseCatalog, _ begun: BegunRun?) async throws -> InspectionReport {
        let omissions = migration.options.omissions
        let (source, access) = try await ThreadConfined.with(migration.source, purpose: Self.purpose) { source in
            try await source.run { try (DatabaseCatalog(of: $0), Definitions.Access($0)) }
        }
        let objected = try await objections(source, target.identity, begun)
        let (tools, found) = try await Self.tools(
            servers: [source.identity.serverVersion, target.identity.serverVersion],
            directory: migration.options.toolDirectory
        )
        var findings = found
        var trial: FreshTrial.Outcome?
        var couldBeTried = true
        if let tools {
            do {
                trial = try await self.trial(source, target, begun, tools, access, excluding: excluded(begun, source))
            } catch let error where !objected.isEmpty && (error is ToolError || error is PostgresError) {
                // What precopy would refuse may also keep pg_dump from reading the definitions.
                couldBeTried = false
                findings.append(
                    Finding(
                        "definitions",
                        "all",
                        "untried",
                        .note,
                        "they could not be tried on the target; inspect again after fixing what precopy would refuse"
                    )
                )
            }
        }
        findings += try await objected + self.findings(source, target, omissions, trial, begun, couldBeTried)
        return InspectionReport(
            source: migration.source.description,
            target: migration.target.description,
            findings: findings.sorted { ($1.severity, $0.kind, $0.object) < ($0.severity, $1.kind, $1.object) }
        )
    }

    private func excluded(_ begun: BegunRun?, _ source: DatabaseCatalog) -> Set<QualifiedName> {
        let settled = SettledTables(begun?.relations ?? [], in: source)
        let treatments = migration.options.plan.treatments.merging(settled.treatments) { _, settled in settled }
        return Set(treatments.filter { $0.value == .excluded }.keys)
    }

    /// Returns what precopy would refuse before it does anything.
    private func objections(
        _ source: DatabaseCatalog,
        _ target: DatabaseIdentity,
        _ begun: BegunRun?
    ) async throws -> [Finding] {
        let preparation = Preparation(migration)
        var objections: [Finding] = []
        func attempt(_ what: String, _ body: () async throws -> Void) async throws {
            do {
                try await body()
            } catch let error where error is PlanError || error is LedgerError {
                objections.append(Finding("precopy", what, "refused", .stops, "\(error)"))
            }
        }
        try await attempt("databases") { try Preparation.refuseSame(source.identity, target) }
        if objections.isEmpty {
            try await attempt("versions") { try Preparation.refuseVersions(source.identity, target) }
            try await attempt("plan") { _ = try await preparation.newPlan(target: target, begun, cutting: false) }
        }
        try await ThreadConfined.with(migration.target, purpose: Self.purpose) { connection in
            try await attempt("target") { try await connection.run { try Preparation.refuseUnfit(target, $0) } }
            try await attempt("ledger") {
                try await connection.run { try preparation.refuseTakingOver($0, source.identity, mayCreate: true) }
            }
        }
        return objections
    }

    /// Tries the source's definitions on the target, unless it already has definitions or is to be adopted.
    func trial(
        _ source: DatabaseCatalog,
        _ target: DatabaseCatalog,
        _ begun: BegunRun?,
        _ tools: PostgresTools,
        _ access: Definitions.Access,
        excluding excluded: Set<QualifiedName>
    ) async throws -> FreshTrial.Outcome? {
        guard (begun?.run.step ?? .begun) == .begun, target.tables.isEmpty,
            migration.options.targetContents == .nothing
        else { return nil }
        return try await FreshTrial(
            migration: migration,
            tools: tools,
            source: source,
            target: target,
            excluded: excluded
        ).run(access)
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
                    "pg_dump",
                    "older-minor",
                    .note,
                    "pg_dump \(tools.version) is older than a server of version \(server): "
                        + "it may write definitions wrongly that a newer pg_dump writes correctly",
                    repair: "apt-get install --only-upgrade postgresql-client-\(server.major)"
                )
            }
            return (tools, findings)
        } catch let error as ToolError {
            return (nil, [Finding("client", "pg_dump", .missing, .stops, "\(error)")])
        }
    }

    /// Returns what the target server lacks or would refuse, and what cannot be copied from the source.
    func findings(
        _ source: DatabaseCatalog,
        _ target: DatabaseCatalog,
        _ omissions: Set<Omission>,
        _ trial: FreshTrial.Outcome?,
        _ begun: BegunRun?,
        _ couldBeTried: Bool = true
    ) async throws -> [Finding] {
        let excluded = excluded(begun, source)
        let areMade = (begun?.run.step ?? .begun) > .begun
        let (requirements, broken) = try await ThreadConfined.with(migration.source, purpose: Self.purpose) {
            connection in
            try await connection.run { connection in
                let requirements = try Requirements(of: connection)
                // Definitions that exist on the target have been tried, and filled with rows.
                if areMade { return (requirements, [Finding]()) }
                return (requirements, try BrokenExpressions.findings(of: source, excluding: excluded, on: connection))
            }
        }
        let provisions = try await ThreadConfined.with(migration.target, purpose: Self.purpose) { target in
            try await target.run { try Provisions(of: $0) }
        }
        let hidden = migration.options.plan.wanted(source.extensionTables).filter { !$0.isReadable }.map { table in
            Finding(
                "extension rows",
                table.qualifiedName.description,
                "unreadable",
                .stops,
                "role \(source.identity.roleName.visible) may not read all of its rows, which extension "
                    + "\(table.extension.visible) does not create itself; --exclude leaves them out",
                repair:
                    "GRANT SELECT ON \(table.qualifiedName.quoted) TO \(Identifier(source.identity.roleName).quoted)"
            )
        }
        let rules = Inspection(
            source: source,
            requirements: requirements,
            target: target,
            provisions: provisions,
            omissions: omissions
        ).findings
        let versions = (source.identity.serverVersion, target.identity.serverVersion)
        let ofDefinitions: [Finding]
        if let trial {
            ofDefinitions =
                try await TriedRules(rules: rules, trial: trial.trial).findings + trial.findings
                + missingRights(trial.rightsOnSchemas, versions, omissions)
        } else if areMade || !couldBeTried {
            // Rules about definitions count only if the server has refused something.
            ofDefinitions = TriedRules(rules: rules, trial: .init()).findings
        } else {
            ofDefinitions = rules
        }
        return hidden + broken + ofDefinitions
    }

    /// Returns differences in privileges on schemas of the target that belong to other roles.
    private func missingRights(
        _ there: [CatalogObject],
        _ versions: (source: ServerVersion, target: ServerVersion),
        _ omissions: Set<Omission>
    ) async throws -> [Finding] {
        guard !there.isEmpty, !omissions.contains(.privileges) else { return [] }
        let here = try await ThreadConfined.with(migration.source, purpose: Self.purpose) { source in
            try await source.run { try FreshTrial.rights(there.map(\.object), on: $0) }
        }
        return ObjectComparison(
            source: here,
            target: there.filter { object in here.contains { $0.object == object.object } },
            versions: versions,
            excluding: [],
            omissions: omissions
        ).result().findings.filter { $0.kind == "privileges" && $0.severity > .note }
    }
}
