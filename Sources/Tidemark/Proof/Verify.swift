import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Transfer
import Verification

/// The proof: compares rows by fingerprints, definitions by attributes, sequences by positions.
struct Verify {
    private let context: RunContext
    private let source: Endpoint
    private let recorder: RunRecorder
    private let triesInserts: Bool
    private let positions: [QualifiedName: SequencePosition]?
    private let noteWritten: @Sendable ([QualifiedName]) async throws -> Void

    /// - Parameters:
    ///   - context: The run's context.
    ///   - source: The source.
    ///   - recorder: Records the phases; nil creates a recorder of its own.
    ///   - triesInserts: Whether an INSERT into each table is tried and rolled back.
    ///   - positions: The source's positions of sequences that the target's are compared with; nil: those of now.
    ///   - noteWritten: Receives the tables into which a row was written and rolled back.
    init(
        _ context: RunContext,
        of source: Endpoint,
        recorder: RunRecorder? = nil,
        triesInserts: Bool = false,
        positions: [QualifiedName: SequencePosition]? = nil,
        noteWritten: @escaping @Sendable ([QualifiedName]) async throws -> Void = { _ in }
    ) {
        self.context = context
        self.source = source
        self.triesInserts = triesInserts
        self.positions = positions
        self.noteWritten = noteWritten
        self.recorder = recorder ?? RunRecorder("verify", context)
    }

    /// Compares the two databases in their current state; uses the ranges of a ledger if there is one.
    ///
    /// - Parameter sinceCutover: Whether the target is in use since the cutover: what others wrote there is left out.
    /// - Returns: What was compared and found.
    /// - Throws: ``PlanError``, ``LedgerError``, ``PostgresError``.
    func run(sinceCutover: Bool = false) async throws -> RunReport {
        try await recorder.recording {
            do {
                return try await work(sinceCutover: sinceCutover)
            } catch {
                return recorder.finish(try recorder.unproven(by: error))
            }
        }
    }

    private func work(sinceCutover: Bool) async throws -> RunReport {
        let (plan, omissions, proofs) = try await plan()
        // Of a stage only its rows are compared: nothing may be taken for one that is none.
        guard !omissions.contains(.allButFilteredRows) || plan.tables.contains(where: \.isShared) else {
            throw PlanError(
                .usage,
                "--stage compares only the rows that satisfy a condition, and no table of this run has one that it shares with others",
                hint: "verify without --stage, or give the stage's conditions in tidemark.yaml"
            )
        }
        let since = sinceCutover ? try await SinceCutover(context, source: source).check() : nil
        recorder.warn(since?.warnings ?? [])
        if sinceCutover { recorder.update { $0.isTargetInUse = true } }
        if plan.tables.contains(where: \.isShared) { recorder.update { $0.isStage = true } }
        recorder.warn(plan.warnings)
        let copied = try await present(plan.tables.filter(\.treatment.copiesRows))
        var result = try await SnapshotHolder.with(
            source,
            tables: copied,
            lock: .definitions,
            purpose: "tidemark verify"
        ) { shared, source in
            try await compare(
                plan,
                omissions,
                provenBy: since == nil ? proofs : [:],
                since: since,
                in: shared,
                heldBy: source,
                purpose: "tidemark verify"
            )
        }
        let scope = Scope(of: plan, omitting: omissions)
        result = try await result.merged(with: OutdatedViews(target: context.target, scope: scope).result())
        recorder.record(.verified(result))
        return recorder.finish(RunReport.Outcome(result.verdict))
    }

    /// Compares the databases at the end of a cutover, in the snapshot in which the rows were copied.
    ///
    /// - Parameters:
    ///   - session: The session of the run.
    ///   - counted: What the source's counters say, if they count as evidence.
    ///   - shared: The source's snapshot.
    ///   - source: The connection that holds the snapshot.
    /// - Returns: What was compared and found.
    /// - Throws: ``PostgresError``.
    func compare(
        _ session: Session,
        _ counted: CountedSource?,
        in shared: SharedSnapshot,
        heldBy source: ThreadConfined<Connection>
    ) async throws -> VerificationResult {
        let (plan, proofs) = try await session.planAndProofs()
        return try await compare(
            plan,
            session.scope.omissions,
            provenBy: proofs,
            countedBy: counted.map { CountedRanges(session: session, source: $0) },
            onTrust: counted != nil && session.context.options.evidence == .declared
                ? try await session.declaredImmutable() : [:],
            in: shared,
            heldBy: source,
            purpose: session.purpose("verify")
        )
    }

    // MARK: Steps

    private var catalogProof: CatalogProof {
        CatalogProof(context: context, triesInserts: triesInserts, noteWritten: noteWritten)
    }

    /// Returns the tables that still exist; a table that was dropped is a finding, not an error.
    private func present(_ planned: [TablePlan]) async throws -> [SQL] {
        try await Connection.with(source, purpose: "tidemark verify") { connection in
            let there = Set(try Table.names(on: connection).values)
            return planned.filter { there.contains($0.name) }.map(\.rows)
        }
    }

    /// Returns the plan of the run's ledger, or a new plan if there is none, so that any two databases can be compared.
    private func plan() async throws -> (plan: Plan, omissions: Set<Omission>, proofs: Ledger.Proofs) {
        let isInFull = context.options.verifiesInFull
        let (target, begun, run, proofs) = try await Connection.with(context.target, purpose: "tidemark verify") {
            connection in
            let begun = try Ledger.begunPlan(on: connection)
            let proofs = begun == nil || isInFull ? [:] : try Ledger(connection).proofs()
            return (try DatabaseIdentity(of: connection), begun, try Ledger.run(on: connection), proofs)
        }
        let options = context.leavingOut(run?.omissions ?? []).options
        let omissions = options.omissions
        return try await Connection.with(source, purpose: "tidemark verify") { connection in
            let identity = try DatabaseIdentity(of: connection)
            if let run, !options.acceptsMovedSource { try run.refuseOtherSystem(identity) }
            try Refusals.same(identity, target)
            if let begun { return (begun, omissions, proofs) }
            let source = options.wanted(try DatabaseCatalog(of: connection))
            let plan = try Planner(source: source, target: target, options: options.decisions).plan()
            return (try KeyDistribution(connection).cut(plan), omissions, [:])
        }
    }

    private func compare(
        _ plan: Plan,
        _ omissions: Set<Omission>,
        provenBy proofs: Ledger.Proofs,
        countedBy counted: CountedRanges? = nil,
        onTrust declared: [QualifiedName: Set<KeyRange>] = [:],
        since: SinceCutover.Beginning? = nil,
        in shared: SharedSnapshot,
        heldBy holder: ThreadConfined<Connection>,
        purpose: String
    ) async throws -> VerificationResult {
        let scope = Scope(of: plan, omitting: omissions)
        return try await SnapshotHolder.with(context.target, tables: [], lock: .definitions, purpose: purpose) {
            theirs,
            target in
            let (here, there, definitions) = try await recorder.phase(.verifyDefinitions) {
                async let ours = holder.run { [positions] in try VerifiedSide(of: $0, in: scope, positions: positions) }
                async let theirs = target.run { try VerifiedSide(of: $0, in: scope) }
                let (here, there) = try await (ours, theirs)
                return (
                    here, there,
                    try await catalogProof.compareDefinitions(
                        of: here,
                        with: there,
                        in: scope,
                        purpose: purpose
                    )
                )
            }
            let (plan, unplanned) = Self.plan(
                plan,
                with: here.catalog,
                target: there.catalog,
                options: context.options.plan
            )
            let pairs = SnapshotPairs(
                source: .init(endpoint: source, snapshot: shared, identity: MarkIdentity(here.catalog.identity)),
                target: .init(
                    endpoint: context.target,
                    snapshot: theirs,
                    identity: MarkIdentity(there.catalog.identity)
                ),
                jobs: context.options.jobs,
                stop: context.stop,
                purpose: purpose
            )
            let rows = try await recorder.phase(.verifyRows) {
                let ranges = ComparedRange.all(
                    of: plan,
                    source: here.catalog,
                    target: there.catalog,
                    provenBy: proofs
                )
                let standing = try await counted?.standing(among: ranges, on: there.catalog, with: pairs)
                let unread = UnreadRanges(counted: standing ?? [:], declared: declared)
                return try await compareRows(ranges, except: unread, since: since, with: pairs)
            }
            let extensionTables = context.options.wanted(here.catalog.extensionTables).map(\.qualifiedName)
            let extensionRows = try await recorder.phase(.verifyExtensionRows) {
                async let ours = holder.run { try ExtensionRowsComparison.contents(of: extensionTables, on: $0) }
                async let theirs = target.run { try ExtensionRowsComparison.contents(of: extensionTables, on: $0) }
                let (sourceRows, targetRows) = try await (ours, theirs)
                var result = ExtensionRowsComparison.result(source: sourceRows.contents, target: targetRows.contents)
                result.notProven += sourceRows.unreadable + targetRows.unreadable
                return result
            }
            let largeObjects = try await recorder.phase(.verifyLargeObjects) {
                // Nothing shows when a large object was written.
                since == nil
                    ? try await compareLargeObjects(here.largeObjects, in: scope, with: pairs)
                    : try await holder.run { try SinceCutover.withoutLargeObjects($0, in: scope) }
            }
            let readiness = try await recorder.phase(.verifyReadiness) {
                try await catalogProof.judgeReadiness(
                    of: there,
                    comparedWith: here,
                    in: scope,
                    purpose: purpose
                )
            }
            var result = rows.merged(with: extensionRows).merged(with: definitions).merged(with: largeObjects).merged(
                with: readiness
            )
            result.notProven += unplanned
            return result
        }
    }

    /// Adds tables to the plan that the ledger does not know, created since on the source and by hand on the target.
    ///
    /// - Returns: The plan, and the reasons why such tables cannot be compared.
    private static func plan(
        _ plan: Plan,
        with source: DatabaseCatalog,
        target: DatabaseCatalog,
        options: PlanOptions
    ) -> (plan: Plan, unplanned: [String]) {
        let known = Dictionary(keepingFirst: plan.tables.map { ($0.name, $0) })
        guard source.tables.contains(where: { known[$0.qualifiedName] == nil }),
            !plan.tables.contains(where: \.isShared)
        else { return (plan, []) }
        // Partitions of a table that is left out are left out as well.
        var options = options
        let there = Set(source.tables.map(\.qualifiedName))
        options.treatments = known.mapValues(\.treatment).filter { $0.value == .excluded && there.contains($0.key) }
        let planner = Planner(
            source: source,
            target: target.identity,
            options: options,
            settled: SettledTables(
                treatments: known.mapValues(\.treatment),
                filters: known.compactMapValues(\.filter),
                keys: [:]
            )
        )
        do {
            let unknown = try planner.plan().tables.filter { known[$0.name] == nil }
            return (Plan(tables: plan.tables + unknown, warnings: plan.warnings), [])
        } catch {
            return (plan, ["tables that were created since the run began: \(error)"])
        }
    }

    private func compareRows(
        _ ranges: [ComparedRange],
        except unread: UnreadRanges,
        since: SinceCutover.Beginning?,
        with pairs: SnapshotPairs
    ) async throws -> VerificationResult {
        let hash = try await pairs.one { try RowHash.common(to: $0.source, and: $0.target) }
        let comparison = DataComparison(
            ranges,
            except: unread,
            onLive: since.map { LiveTarget(since: $0.mark) },
            hash: hash,
            showsValues: context.options.showsValues,
            stop: context.stop
        )
        try await showing(comparison) {
            if comparison.hasWhole { try await pairs.all { try comparison.compareWhole(with: $0) } }
            if comparison.hasOpen { try await pairs.all { try comparison.compare(with: $0) } }
            if comparison.hasUncounted { try await pairs.all { try comparison.count(with: $0) } }
        }
        StatusPoint.rowsCompared.reached()
        guard let since else { return comparison.result() }
        let note: @Sendable (String) -> Void = { [context] in context.note($0) }
        let target = context.target
        return comparison.result(
            removals: try await SinceCutover.removals(explaining: comparison, since: since, on: target, note)
        )
    }

    /// Says about once a second how far the comparison is.
    private func showing(_ comparison: DataComparison, _ body: () async throws -> Void) async throws {
        let (all, observer) = (comparison.readsLeft, context.observer)
        let ticker = Task {
            while (try? await Task.sleep(for: .seconds(1))) != nil {
                // A range that differs adds none; one that is proven as a part of its table needs no read of its own.
                let done = max(0, all - comparison.readsLeft)
                observer(.working(["compared \(Quantity.count(done)) of \(Quantity.count(all, "range"))"]))
            }
        }
        defer { ticker.cancel() }
        try await body()
    }

    private func compareLargeObjects(
        _ ranges: [LargeObjectRange],
        in scope: Scope,
        with pairs: SnapshotPairs
    ) async throws -> VerificationResult {
        guard !scope.omits(.largeObjects) else { return VerificationResult(method: "") }
        let comparison = LargeObjectComparison(ranges, scope: scope, stop: context.stop)
        try await pairs.all { try comparison.compare(with: $0) }
        return comparison.result()
    }
}
