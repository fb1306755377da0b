import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Verification

/// What comes before any work.
///
/// Are these the right databases, can it be done, and is the target ours?
///
/// Everything that can be refused is refused here, before the first write.
struct Preparation {
    private static let oldestSource = 12

    private let migration: Migration

    init(_ migration: Migration) {
        self.migration = migration
    }

    /// The plan, for printing: of the run that has begun, else a new one.
    func plan() async throws -> PlanReport {
        let target = try await ThreadConfined.with(migration.target, purpose: "tidemark plan") { control in
            try await control.run { connection in
                try (identity: DatabaseIdentity(of: connection), plan: Ledger.begunPlan(on: connection))
            }
        }
        if let plan = target.plan { return PlanReport(plan) }
        return PlanReport(try await newPlan(target: target.identity, nil).plan)
    }

    /// Takes the target over, defines its tables where that has not happened yet, and hands the run to `body`.
    ///
    /// - Parameters:
    ///   - act: What the session is for: precopy, cutover.
    ///   - mayCreate: Whether a run may begin here.
    ///   - body: The work.
    /// - Returns: What `body` returns.
    /// - Throws: ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``, and what `body` throws.
    func withSession<Result: Sendable>(
        for act: String,
        mayCreate: Bool,
        _ body: (Session) async throws -> Result
    ) async throws -> Result {
        try await ThreadConfined.with(migration.target, purpose: "tidemark control") { control in
            let (target, begun) = try await control.run { connection in
                try (DatabaseIdentity(of: connection), BegunRun(on: connection))
            }
            var migration = migration
            migration.options.omissions.formUnion(begun?.run.omissions ?? [])
            return try await Preparation(migration).withSession(on: control, target, begun, for: act, mayCreate, body)
        }
    }

    private func withSession<Result: Sendable>(
        on control: ThreadConfined<Connection>,
        _ target: DatabaseIdentity,
        _ begun: BegunRun?,
        for act: String,
        _ mayCreate: Bool,
        _ body: (Session) async throws -> Result
    ) async throws -> Result {
        try await control.run { try Self.refuseUnfit(target, $0) }
        let step = begun?.run.step ?? .begun
        let mayStillFail = step < .keysBuilt
        // Both sides at once: with thousands of tables a catalog takes seconds to read.
        async let planned = newPlan(target: target, begun, cutting: step == .begun)
        async let contents = mayStillFail ? control.run { try DatabaseCatalog(of: $0) } : nil
        let (plan, source, access) = try await planned
        try Self.refuseSame(source.identity, target)
        try Self.refuseVersions(source.identity, target)
        try await control.run { try refuseTakingOver($0, source.identity, mayCreate: mayCreate) }
        let omissions = migration.options.omissions
        let adopts = migration.options.targetContents != .nothing
        let tools = try await PostgresTools.find(
            major: target.serverVersion.major,
            in: migration.options.toolDirectory
        )
        var tried: Definitions?
        if let there = try await contents {
            let inspecting = Inspecting(migration)
            let trial = try await inspecting.trial(source, there, begun, tools, access, excluding: plan.excluded)
            tried = trial?.definitions
            let findings = try await inspecting.findings(source, there, omissions, trial, begun)
            try Self.refuse(findings.filter { $0.severity == .stops })
        }
        let acceptsMoved = migration.options.acceptsMovedSource
        if acceptsMoved { try await control.run { try Self.refuseOtherTables(source, $0) } }
        let (run, epoch) = try await control.run { connection in
            let taken = try Ledger.takeOver(
                connection,
                source: source.identity,
                toolVersion: Versions.tidemark,
                acceptsOtherSystem: acceptsMoved,
                mayCreate: mayCreate,
                mayAdopt: adopts
            )
            try taken.ledger.leaveOut(omissions)
            // Later sessions keep it while they wait for pg_dump.
            if taken.run.step == .begun { try taken.ledger.keep(source, withLabels: true) }
            return (taken.run, taken.ledger.epoch)
        }
        for server in [migration.source, migration.target] { server.watch?.name = run.sessionPrefix }
        let begin = Beginning(
            migration: migration,
            control: control,
            tools: tools,
            run: run,
            epoch: epoch,
            source: source,
            target: target,
            access: access
        )
        guard run.step == .begun else {
            return try await body(try await begin.session(for: act, warnings: plan.warnings, isFresh: false))
        }
        let notes = try await begin.begin(plan, tried: tried)
        return try await body(try await begin.session(for: act, warnings: plan.warnings + notes, isFresh: !adopts))
    }

    // MARK: Steps

    /// A new plan, cut into chunks where asked for (which reads samples of the tables).
    ///
    /// What a run has begun with is settled.
    func newPlan(
        target: DatabaseIdentity,
        _ begun: BegunRun?,
        cutting: Bool = true
    ) async throws -> (plan: Plan, source: DatabaseCatalog, access: Definitions.Access) {
        let (options, omissions) = (migration.options.plan, migration.options.omissions)
        return try await ThreadConfined.with(migration.source, purpose: "tidemark plan") { source in
            try await source.run { connection in
                let strangers = try Ledger.strangers(on: connection)
                guard strangers.isEmpty else {
                    throw PlanError(
                        .refused,
                        "the source has tables of its own in the schema tidemark, which is the ledger's and not brought over: "
                            + strangers.prefix(10).map(\.description).joined(separator: ", "),
                        hint: "give them another schema: ALTER TABLE … SET SCHEMA …"
                    )
                }
                var catalog = try DatabaseCatalog(of: connection)
                if omissions.contains(.tablespaces) { catalog = catalog.withoutTablespaces }
                var plan = try Planner(
                    source: catalog,
                    target: target,
                    options: options,
                    settled: SettledTables(begun?.relations ?? [], in: catalog)
                ).plan()
                if cutting {
                    try RowFilter.refuseUnfit(plan, on: connection)
                    plan = try KeyDistribution(connection).cut(plan)
                }
                return (plan, catalog, try Definitions.Access(connection))
            }
        }
    }

    /// An upgraded source has the tables it had, under the object ids they had (pg_upgrade keeps them); anything else is
    /// another database.
    private static func refuseOtherTables(_ source: DatabaseCatalog, _ target: Connection) throws {
        guard try Ledger.run(on: target) != nil else { return }
        let now = Dictionary(source.tables.map { ($0.oid, $0.qualifiedName) }, uniquingKeysWith: { first, _ in first })
        let others = try Ledger(target).relations().filter { now[$0.definition.oid] != $0.name }
        guard others.isEmpty else {
            throw PlanError(
                .refused,
                "the source is not the one the run began with, moved: \(others.count) tables have other object ids there, "
                    + "\(others.prefix(5).map(\.name.description).joined(separator: ", "))",
                hint: "a source that was dumped and restored is another one: begin again with an empty target"
            )
        }
    }

    /// What taking the target over would refuse, before anything is written.
    func refuseTakingOver(_ target: Connection, _ source: DatabaseIdentity, mayCreate: Bool) throws {
        try Ledger.refuse(
            target,
            source: source,
            acceptsOtherSystem: migration.options.acceptsMovedSource,
            mayCreate: mayCreate,
            mayAdopt: migration.options.targetContents != .nothing
        )
    }

    static func refuseSame(_ source: DatabaseIdentity, _ target: DatabaseIdentity) throws {
        guard !source.isSameDatabase(as: target) else {
            throw PlanError(
                .refused,
                "source and target are the same database: \(source.databaseName.visible) "
                    + "(compared by \(source.evidence))",
                hint: "check --source and --target; nothing was written"
            )
        }
    }

    static func refuseVersions(_ source: DatabaseIdentity, _ target: DatabaseIdentity) throws {
        guard source.serverVersion.major >= oldestSource else {
            throw PlanError(
                .refused,
                "the source is PostgreSQL \(source.serverVersion); 12 is the oldest that is supported"
            )
        }
        guard target.serverVersion.major >= source.serverVersion.major else {
            throw PlanError(
                .refused,
                "the source is PostgreSQL \(source.serverVersion), newer than the target's \(target.serverVersion)",
                hint: "PostgreSQL's definitions only move to the same or a newer major version"
            )
        }
    }

    /// Refuses what the target's server would refuse.
    static func refuse(
        _ stopping: [Finding],
        hint: String = "tidemark inspect tells more; nothing was written"
    ) throws {
        guard !stopping.isEmpty else { return }
        let list = stopping.prefix(20).map { "\($0.kind) \($0.object): \($0.message)" }
        throw PlanError(
            .refused,
            "the target's server would refuse what the source has:\n    " + list.joined(separator: "\n    ")
                + (stopping.count > list.count ? "\n    and \(stopping.count - list.count) more" : ""),
            hint: hint
        )
    }

    static func refuseUnfit(_ target: DatabaseIdentity, _ connection: Connection) throws {
        guard !target.isInRecovery else {
            throw PlanError(.refused, "the target is a standby: it takes no writes", hint: "connect to its primary")
        }
        let rights = try connection.queryOne(
            """
            SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
                   pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') AS may_use_temporary
            """
        )
        guard try rights.boolean("may_create"), try rights.boolean("may_use_temporary") else {
            throw PlanError(
                .refused,
                "role \(target.roleName.visible) may not create schemas and temporary tables in the target \(target.databaseName.visible)",
                hint: "ALTER DATABASE … OWNER TO \(Identifier(target.roleName).quoted)"
            )
        }
    }
}
