import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Verification

/// The checks and steps before any work.
///
/// They check that these are the right databases, that the migration is possible, and that the target belongs to this
/// run. Everything that can be refused is refused here, before the first write.
struct Preparation {
    private static let oldestSource = 12

    private let migration: Migration

    init(_ migration: Migration) {
        self.migration = migration
    }

    /// Returns the plan to print: that of the run that has begun, otherwise a new one.
    func plan() async throws -> PlanReport {
        let target = try await ThreadConfined.with(migration.target, purpose: "tidemark plan") { control in
            try await control.run { connection in
                try (identity: DatabaseIdentity(of: connection), plan: Ledger.begunPlan(on: connection))
            }
        }
        if let plan = target.plan { return PlanReport(plan) }
        return PlanReport(try await newPlan(target: target.identity, nil).plan)
    }

    /// Takes over the target, defines its tables unless that is done already, and passes the session to `body`.
    ///
    /// - Parameters:
    ///   - act: The command the session is for, such as precopy or cutover.
    ///   - mayCreate: Whether a new run may begin here.
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
        // Reads both sides at the same time: with thousands of tables a catalog takes seconds.
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
            // Later sessions record the catalog while they wait for pg_dump.
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

    /// Returns a new plan, cut into chunks if requested (which reads samples of the tables).
    ///
    /// What was fixed when the run began is kept.
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
                        "the source has tables in the schema tidemark, which is reserved for the ledger and not copied: "
                            + strangers.prefix(10).map(\.description).joined(separator: ", "),
                        hint: "move them to another schema: ALTER TABLE … SET SCHEMA …"
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

    /// Refuses a source whose tables have other object ids than when the run began.
    ///
    /// pg_upgrade keeps the object ids, so an upgraded source has the same ones; otherwise it is a different database.
    private static func refuseOtherTables(_ source: DatabaseCatalog, _ target: Connection) throws {
        guard try Ledger.run(on: target) != nil else { return }
        let now = Dictionary(source.tables.map { ($0.oid, $0.qualifiedName) }, uniquingKeysWith: { first, _ in first })
        let others = try Ledger(target).relations().filter { now[$0.definition.oid] != $0.name }
        guard others.isEmpty else {
            throw PlanError(
                .refused,
                "the source is not a moved copy of the one the run began with: \(others.count) tables have other object ids there: "
                    + "\(others.prefix(5).map(\.name.description).joined(separator: ", "))",
                hint: "a source that was dumped and restored is a different one: start over with an empty target"
            )
        }
    }

    /// Refuses what taking over the target would refuse, before anything is written.
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
                "the source is PostgreSQL \(source.serverVersion); 12 is the oldest supported version"
            )
        }
        guard target.serverVersion.major >= source.serverVersion.major else {
            throw PlanError(
                .refused,
                "the source is PostgreSQL \(source.serverVersion), newer than the target's \(target.serverVersion)",
                hint: "definitions can only move to the same or a newer major version of PostgreSQL"
            )
        }
    }

    /// Refuses what the target server would refuse.
    static func refuse(
        _ stopping: [Finding],
        hint: String = "tidemark inspect shows more; nothing was written"
    ) throws {
        guard !stopping.isEmpty else { return }
        let list = stopping.prefix(20).map { "\($0.kind) \($0.object): \($0.message)" }
        throw PlanError(
            .refused,
            "the target server would refuse objects of the source:\n    " + list.joined(separator: "\n    ")
                + (stopping.count > list.count ? "\n    and \(stopping.count - list.count) more" : ""),
            hint: hint
        )
    }

    static func refuseUnfit(_ target: DatabaseIdentity, _ connection: Connection) throws {
        guard !target.isInRecovery else {
            throw PlanError(.refused, "the target is a standby and accepts no writes", hint: "connect to its primary")
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
