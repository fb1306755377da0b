import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Verification

/// Opens a run from a source: checks both sides, takes over the target, and creates or follows the definitions.
///
/// Everything that can be refused is refused here, before the first write.
struct LiveOpening {
    let context: RunContext
    let source: Endpoint

    /// Returns the plan to print: that of the run that has begun, otherwise a new one.
    ///
    /// - Returns: The plan.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    func plan() async throws -> PlanReport {
        let target = try await Connection.with(context.target, purpose: "tidemark plan") { connection in
            try (
                identity: DatabaseIdentity(of: connection), plan: Ledger.begunPlan(on: connection),
                begun: BegunRun(on: connection),
                night: Ledger.run(on: connection) == nil ? nil : NightForecast(Ledger(connection).nightMeasures())
            )
        }
        let survey = try await survey(for: target.identity, target.begun, cutting: target.plan == nil)
        let plan = target.plan ?? survey.plan
        // A stage leaves the target's foreign keys as they are.
        let foreignKeys =
            plan.tables.contains(where: \.isShared)
            ? nil
            : try await PlanForecast(context: context).foreignKeys(
                of: survey.catalog,
                without: plan.excluded,
                in: target.plan == nil ? nil : target.begun?.run
            )
        return PlanReport(
            plan,
            price: target.plan == nil ? nil : try await price(),
            foreignKeys: foreignKeys,
            night: target.night
        )
    }

    /// What a cutover would read now; nil if the counters of the servers tell nothing.
    private func price() async throws -> EvidencePrice? {
        let (relations, chunks, kept) = try await Connection.with(context.target, purpose: "tidemark plan") {
            connection in
            let ledger = Ledger(connection)
            return try (ledger.relations(), ledger.chunks(), ledger.counters(of: .source).mapValues(\.reading))
        }
        return try await Connection.with(source, purpose: "tidemark plan") { connection in
            guard try CountedSource.obstacle(on: connection) == nil else { return nil }
            let now = try CounterReading(connection, MarkIdentity(DatabaseIdentity(of: connection)))
            return EvidencePrice(relations, chunks: chunks, kept: kept, now: now)
        }
    }

    /// Opens the run, and passes the session to `body`.
    ///
    /// - Parameters:
    ///   - act: What the session is for.
    ///   - body: The work.
    /// - Returns: What `body` returns.
    /// - Throws: ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``, and what `body` throws.
    func withSession<Result: Sendable>(
        for act: LiveAct,
        _ body: (Session) async throws -> Result
    ) async throws -> Result {
        try await ThreadConfined.with(context.target, purpose: "tidemark control") { control in
            let (target, begun) = try await control.run { connection in
                try Ledger.endLeftovers(on: connection)
                return try (DatabaseIdentity(of: connection), BegunRun(on: connection))
            }
            let opening = LiveOpening(context: context.leavingOut(begun?.run.omissions ?? []), source: source)
            let session = try await opening.session(on: control, target, begun, for: act)
            return try await body(session)
        }
    }

    private func session(
        on control: ThreadConfined<Connection>,
        _ target: DatabaseIdentity,
        _ begun: BegunRun?,
        for act: LiveAct
    ) async throws -> Session {
        if act == .precopy, let run = begun?.run { try Self.refuseTooLate(run) }
        try await control.run { try Refusals.unfit(target, on: $0) }
        let step = begun?.run.step ?? .begun
        // Reads both sides at the same time: with thousands of tables a catalog takes seconds.
        async let surveyed = survey(for: target, begun, cutting: step == .begun, reading: step == .begun)
        let options = context.options
        try refuseStage(in: begun)
        async let contents = step < .keysBuilt ? control.run { options.wanted(try DatabaseCatalog(of: $0)) } : nil
        let survey = try await surveyed
        try Refusals.same(survey.catalog.identity, target)
        try Refusals.versions(survey.catalog.identity, target)
        try await control.run { try refuseTakingOver($0, survey.catalog.identity, mayCreate: act.mayCreate) }
        let tools = try await PostgresTools.find(
            major: target.serverVersion.major,
            in: context.options.toolDirectory
        )
        let there = try await contents
        if options.isStage, step == .begun, let there {
            try await refuseUnfitStage(survey.plan, survey.catalog, into: there, on: control)
        }
        let tried = try await tryDefinitions(survey, on: there, begun: begun, with: tools)
        if context.options.acceptsMovedSource {
            try await control.run { try Self.refuseOtherTables(survey.catalog, $0) }
        }
        let taken = try await OwnedRun(
            takingOver: context,
            on: control,
            tools: tools,
            source: survey.catalog,
            target: target,
            .init(mayCreate: act.mayCreate)
        )
        let owned = try await taken.readyForAnotherPass(from: source, for: act)
        guard owned.entry.step == .begun else {
            // On the night, what others have written is not taken for the run's own without being asked for.
            if act == .precopy, context.options.targetContents == .rows { try await owned.adoptRows() }
            return try await follow(owned, for: act, warnings: survey.plan.warnings)
        }
        return try await begin(owned, with: survey, tried: tried, for: act)
    }

    // MARK: Checks

    /// Refuses to copy ahead after a cutover, unless it was a rehearsal: the target may be about to be opened.
    private static func refuseTooLate(_ run: RunEntry) throws {
        guard run.step >= .keysBuilt, !run.isRehearsed else { return }
        throw LedgerError(
            .tooLate,
            "the cutover has already built the target's keys: nothing is copied ahead any more",
            hint:
                "tidemark cutover copies what the source has written since, as long as no one else writes to the target"
        )
    }

    /// Reads the source.
    ///
    /// - Parameters:
    ///   - target: The database to fill.
    ///   - begun: The run that has begun on it.
    ///   - cutting: Whether tables are cut into chunks.
    ///   - reading: Whether `pg_dump` reads the definitions at the same time, if no table is left out.
    /// - Returns: What was read.
    /// - Throws: ``PlanError``, ``PostgresError``.
    func survey(
        for target: DatabaseIdentity,
        _ begun: BegunRun?,
        cutting: Bool,
        reading: Bool = false
    ) async throws -> SourceSurvey {
        let options = context.options
        let mayRead = reading && !options.isStage && options.plan.treatments.values.allSatisfy(\.isOnTarget)
        let read: @Sendable (Definitions.Access) async throws -> Definitions = { access in
            let tools = try await PostgresTools.find(major: target.serverVersion.major, in: options.toolDirectory)
            return try await Definitions(
                of: access,
                tools: tools,
                scratch: options.scratchDirectory,
                excluding: [],
                purpose: "tidemark definitions",
                options: Definitions.Options(options)
            )
        }
        return try await SourceSurvey(
            of: source,
            for: target,
            options: options,
            begun: begun,
            cutting: cutting,
            reading: mayRead ? read : nil
        )
    }

    /// Refuses what taking over the target would refuse, before anything is written.
    ///
    /// - Parameters:
    ///   - target: The target.
    ///   - source: The identity of the source.
    ///   - mayCreate: Whether a new run may begin.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    func refuseTakingOver(_ target: Connection, _ source: DatabaseIdentity, mayCreate: Bool) throws {
        try Ledger.refuse(
            target,
            source: source,
            acceptsOtherSystem: context.options.acceptsMovedSource,
            leavingOut: context.options.omissions,
            mayCreate: mayCreate,
            mayAdopt: context.options.targetContents != .nothing || context.options.isStage
        )
    }

    /// Refuses definitions that the target's server would refuse, unless all of them are created already.
    ///
    /// - Returns: The source's definitions, if they were read for that.
    private func tryDefinitions(
        _ survey: SourceSurvey,
        on target: DatabaseCatalog?,
        begun: BegunRun?,
        with tools: PostgresTools
    ) async throws -> Definitions? {
        guard let target, !context.options.isStage else { return nil }
        let obstacles = Obstacles(
            context: context,
            source: source,
            catalog: survey.catalog,
            target: target,
            begun: begun,
            plan: survey.plan
        )
        let trial = try await obstacles.trial(tools, survey.access, having: survey.definitions?.get())
        try Refusals.stopping(try await obstacles.findings(trial))
        return trial?.definitions
    }

    /// Refuses a source whose tables have other object ids than when the run began.
    ///
    /// pg_upgrade keeps the object ids, so an upgraded source has the same ones; otherwise it is a different database.
    private static func refuseOtherTables(_ source: DatabaseCatalog, _ target: Connection) throws {
        guard try Ledger.run(on: target) != nil else { return }
        let now = Dictionary(keepingFirst: source.tables.map { ($0.oid, $0.qualifiedName) })
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

    // MARK: Definitions

    private func begin(
        _ owned: OwnedRun,
        with survey: SourceSurvey,
        tried: Definitions?,
        for act: LiveAct
    ) async throws -> Session {
        if context.options.isStage {
            try await owned.beginStage(survey.plan)
            return try await owned.session(for: act.rawValue, warnings: survey.plan.warnings)
        }
        context.observer(.phaseBegan(.definitions))
        let definitions: Definitions
        if let read = try tried ?? survey.definitions?.get() {
            definitions = read
        } else {
            definitions = try await Definitions(
                of: survey.access,
                tools: owned.tools,
                scratch: context.options.scratchDirectory,
                excluding: survey.plan.excluded.union(survey.catalog.sequencesServing(only: survey.plan.excluded)),
                purpose: owned.purpose,
                options: Definitions.Options(context.options)
            )
        }
        guard context.options.targetContents != .nothing else {
            try await owned.define(definitions, survey.plan)
            let session = try await owned.session(for: act.rawValue, warnings: survey.plan.warnings)
            try await session.keep(definitions, at: survey.definitionsMark)
            try refuseOtherTreatments(than: session.relations, owned.source)
            return session
        }
        let notes = try await owned.adopt(definitions, survey.plan)
        return try await follow(owned, for: act, warnings: survey.plan.warnings + notes)
    }

    /// Follows what has changed on the source since the ledger was written.
    private func follow(_ owned: OwnedRun, for act: LiveAct, warnings: [String]) async throws -> Session {
        let before = try await owned.session(for: act.rawValue, warnings: warnings)
        try refuseOtherTreatments(than: before.relations, owned.source)
        if before.run.isStage {
            try await refuseChangedStage(before)
            return before
        }
        async let kept: Void = before.ledger { try $0.keep(owned.source, withLabels: false) }
        let now = try await before.readDefinitions(of: source)
        try await kept
        try Refusals.tablesCreatedMeanwhile(in: now.entries, since: owned.source)
        let followed = try await Following(owned: owned, run: before.run, relations: before.relations)
            .follow(now.definitions, now.entries)
        if let tooLate = followed.tooLate {
            // They changed while the last cutover began: after it had read them, and before its snapshot.
            let reopened = try await owned.readyForAnotherPass(from: source, for: act, hasDrifted: true)
            guard reopened.entry.step < .keysBuilt else { throw tooLate }
            return try await follow(reopened, for: act, warnings: warnings)
        }
        if followed.wasUnchanged, followed.notes.isEmpty { return before.following(now) }
        let notes = followed.notes.map { "followed a change on the source: \($0)" }
        return try await owned.session(for: act.rawValue, warnings: warnings + notes, followed: now)
    }

    private func refuseOtherTreatments(than relations: [RelationEntry], _ catalog: DatabaseCatalog) throws {
        let begun = Dictionary(uniqueKeysWithValues: relations.map { ($0.name, $0.treatment) })
        for (name, asked) in context.options.plan.treatments.sorted(by: { $0.key < $1.key }) {
            guard let treatment = begun[name], treatment != asked else { continue }
            // A treatment given for a partitioned table applies to its partitions, which hold its rows.
            if treatment == .definitionOnly, asked.copiesRows, catalog.table(name)?.isPartitioned == true { continue }
            throw PlanError(
                .usage,
                "\(name) has been treated as \(treatment.rawValue) since the run began, not as \(asked.rawValue)",
                hint: "the first precopy fixes the treatments; to change them, start over with an empty target"
            )
        }
    }
}
