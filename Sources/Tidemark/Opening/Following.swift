import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Rebuild

/// Makes the target's definitions match the source's current ones, before rows are copied.
///
/// The source keeps changing between the base and the cutover: partitions are created and dropped, columns are added.
/// A change that can be followed is followed in one transaction with the ledger, and reported. A change that cannot be
/// followed is refused with the reason, and nothing is written.
struct Following {
    /// The run, with what the source contains now.
    let owned: OwnedRun
    /// The run as the ledger has it now.
    let run: RunEntry
    let relations: [RelationEntry]

    private var context: RunContext { owned.context }
    private var epoch: Int { owned.epoch }
    private var source: DatabaseCatalog { owned.source }
    private var target: DatabaseIdentity { owned.target }

    /// What is known before anything is written.
    private struct Situation: Sendable {
        let kept: [DefinitionEntry]
        let fileNodes: [Int: Set<UInt32>]
        let enumerations: [Enumeration]
        /// The source's enumerations when the target's were last made to match them.
        let earlierEnumerations: [Enumeration]
    }

    struct Outcome {
        /// Notes for the operator on what was done.
        var notes: [String] = []
        /// The refusal if tables have changed, and the target's keys are built: it takes another pass to follow that.
        var tooLate: PlanError?
        /// Whether tables and definitions matched the ledger.
        let wasUnchanged: Bool
    }

    /// Follows the changes of the source's definitions.
    ///
    /// - Parameters:
    ///   - definitions: The source's current definitions.
    ///   - now: The entries of these definitions.
    /// - Returns: What was done.
    /// - Throws: ``PlanError`` or ``PostgresError`` with the reason why a change cannot be followed.
    func follow(_ definitions: Definitions, _ now: [DefinitionEntry]) async throws -> Outcome {
        let situation = try await owned.onTarget { connection in
            try Situation(
                kept: Ledger(connection).definitions(),
                fileNodes: Ledger(connection).fileNodes(),
                enumerations: connection.query(Enumeration.self, CatalogQuery.enumerations),
                earlierEnumerations: Ledger(connection).enumerations()
            )
        }
        let changes = DefinitionChanges(earlier: situation.kept, later: now)
        let altered = Set(changes.changed.compactMap(\.tableOid))
        let (begun, drift) = try await compare(situation, altered)
        if run.step >= .keysBuilt {
            return Outcome(tooLate: drift.isEmpty ? nil : Self.tooLate(drift), wasUnchanged: changes.isEmpty)
        }
        try await followEnumerations(situation.enumerations, since: situation.earlierEnumerations)
        let plan = try await cut(begun, drift)
        let steps = try await steps(for: changes, and: drift, from: definitions, rights: now.filter(\.isOfRights))
        return Outcome(
            notes: try await followInOneTransaction(steps, for: changes, and: drift, plan: plan),
            wasUnchanged: drift.isEmpty && changes.isEmpty
        )
    }

    // MARK: Steps

    private func compare(
        _ situation: Situation,
        _ altered: Set<UInt32>
    ) async throws -> (plan: Plan, drift: TableDrift) {
        guard case .archive(let wanted) = context.origin else {
            let plan = try newPlan()
            let drift = TableDrift(
                relations: relations,
                source: source,
                plan: plan,
                fileNodes: situation.fileNodes,
                altered: altered
            )
            return (plan, drift)
        }
        let plan = wanted.plan(for: target)
        let there = try await owned.control.run { try Ledger($0).plan() }
        // The archive records itself which chunks became void when the source's file was rewritten.
        let drift = TableDrift(
            relations: relations,
            source: source,
            plan: plan,
            fileNodes: [:],
            altered: altered,
            copiedAgain: wanted.copiedAgain(
                ranges: Dictionary(keepingFirst: there.tables.map { ($0.name, $0.ranges) }),
                relations
            )
        )
        return (plan, drift)
    }

    private func newPlan() throws -> Plan {
        try Planner(
            source: source,
            target: target,
            options: context.options.decisions,
            settled: SettledTables(relations, in: source)
        ).plan()
    }

    private static func tooLate(_ drift: TableDrift) -> PlanError {
        let examples =
            drift.gone.map { "\($0.name) no longer exists" } + drift.added.map { "\($0.qualifiedName) is new" }
            + drift.changes.map { "\($0.later.qualifiedName): \($0.differences.joined(separator: "; "))" }
        return PlanError(
            .refused,
            "the source's tables have changed since the cutover built the target's keys:\n    "
                + examples.prefix(20).joined(separator: "\n    "),
            hint: "undo the change on the source, then run the same command again; nothing was written"
        )
    }

    /// Follows changes of enum labels, in a transaction of their own: a label can be used only after it is committed.
    private func followEnumerations(_ theirs: [Enumeration], since earlier: [Enumeration]) async throws {
        let known = Dictionary(keepingFirst: earlier.map { ($0.oid, $0) })
        let drifts = try source.enumerations.compactMap { ours -> (name: QualifiedName, drift: EnumerationDrift)? in
            guard let there = theirs.first(where: { $0.qualifiedName == ours.qualifiedName }) else { return nil }
            let drift = EnumerationDrift(from: there, to: ours, since: known[ours.oid])
            guard drift.isComplete else {
                throw PlanError(
                    .refused,
                    "labels of enum \(ours.qualifiedName) were renamed or recreated, and old and new ones cannot be matched: "
                        + "the source has (\((ours.labels ?? []).joined(separator: ", ").visible)), "
                        + "the target has (\((there.labels ?? []).joined(separator: ", ").visible))",
                    hint: "rename them the same way on the target (ALTER TYPE … RENAME VALUE), then run again; "
                        + "nothing was written"
                )
            }
            return drift.statements.isEmpty ? nil : (ours.qualifiedName, drift)
        }
        guard !drifts.isEmpty || earlier != source.enumerations else { return }
        try await owned.onTarget { [epoch, relations, source] connection in
            try connection.transaction(.readWrite) {
                let ledger = Ledger(connection, epoch: epoch)
                try ledger.fence()
                for (name, drift) in drifts {
                    for statement in drift.statements {
                        try connection.execute(statement)
                        try ledger.record("followed", subject: statement.text.string)
                    }
                    try ledger.rename(labels: drift.renames, of: name, in: relations)
                }
                try ledger.keep(source.enumerations)
            }
        }
    }

    /// Cuts new tables, and tables that are copied again, into chunks.
    private func cut(_ plan: Plan, _ drift: TableDrift) async throws -> Plan {
        guard case .database(let endpoint) = context.origin else { return plan }
        let fresh = Set(
            drift.added.map(\.qualifiedName)
                + drift.changes.filter { $0.reasonToCopyAgain != nil }.map(\.later.qualifiedName)
        )
        guard plan.tables.contains(where: { fresh.contains($0.name) }) else { return plan }
        let uncut = Plan(tables: plan.tables.filter { fresh.contains($0.name) }, warnings: [])
        let cut = try await Connection.with(endpoint, purpose: "\(run.sessionPrefix) plan") { connection in
            try RowFilter.refuseUnfit(uncut, on: connection)
            return try KeyDistribution(connection).cut(uncut)
        }
        return Plan(tables: plan.tables.filter { !fresh.contains($0.name) } + cut.tables, warnings: plan.warnings)
    }

    /// Kinds of entries that are dropped on the target when the source no longer has them.
    private static let kindsThatGo: Set = ["TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE"]

    /// Returns the steps in the order of `pg_dump`: each definition after those it depends on.
    private func steps(
        for changes: DefinitionChanges,
        and drift: TableDrift,
        from definitions: Definitions,
        rights: [DefinitionEntry]
    ) async throws -> [DriftFollower.Step] {
        let new = Set(drift.added.map(\.qualifiedName))
        let parts = try await owned.onTarget { try ForeignAndViewParts(changes, on: $0) }
        let made = changes.added.filter { entry in
            // A comment is created with its check constraint, which may have to wait for the rows.
            (!entry.isPartOfTable || parts.contains(entry))
                && entry.commentedConstraint.map { new.contains($0.table) } ?? true
        }
        let present = try await present(made)
        // Objects that are dropped first make room; any other old object of the same name stays, and is reported.
        let going = Set(changes.gone.map(\.listed))
        let goingRelations = Set(changes.gone.filter { Self.kindsThatGo.contains($0.kind) }.map(\.qualifiedName))
            .union(drift.changes.filter(\.isRenamed).map(\.relation.name))
        let leaving = made.filter {
            present.contains($0.identity) && going.contains($0.listed) && !Self.kindsThatGo.contains($0.kind)
        }
        let added = made.filter {
            !present.contains($0.identity)
                || (goingRelations.contains($0.qualifiedName) && Self.kindsThatGo.contains($0.kind))
        }
        let names = Set(added.filter { !parts.contains($0) }.map(\.qualifiedName)).union(
            changes.changed.filter(\.isView).map(\.qualifiedName)
        )
        let making = Set(
            added.filter { !parts.contains($0) || parts.canBeMade($0, making: names) }.map(\.identity)
        )
        let changed = Set(changes.changed.map(\.identity))
        let altered = Set(drift.changes.filter { $0.relation.treatment.isOnTarget }.map(\.later.oid))
        var steps: [DriftFollower.Step] = []
        let schemas = added.filter { $0.kind == "SCHEMA" }
        if !schemas.isEmpty { steps.append(.schemas(try await definitions.script(of: schemas))) }
        if let removal = parts.removal { steps.append(.make(removal)) }
        var group: [DefinitionEntry] = []
        func finishGroup() async throws {
            guard !group.isEmpty else { return }
            steps.append(.make(try await definitions.script(of: group)))
            group = []
        }
        for entry in changes.later {
            if making.contains(entry.identity) {
                if entry.kind != "SCHEMA" { group.append(entry) }
            } else if let oid = entry.tableOid, altered.contains(oid) {
                try await finishGroup()
                steps.append(.alter(oid))
            } else if changed.contains(entry.identity), entry.isView {
                try await finishGroup()
                // The view is dropped, and its defaults with it.
                let all = [entry] + parts.defaults(of: entry.qualifiedName)
                steps.append(.remake(try await definitions.script(of: all), [entry]))
            } else if changed.contains(entry.identity), parts.contains(entry), parts.canBeMade(entry, making: names) {
                group.append(entry)
            }
        }
        // Privileges on new objects: TABLE t, SEQUENCE t_id_seq.
        let created = Set(added.map(\.qualifiedName))
        group += rights.filter { $0.subject.map(created.contains) ?? false }
        try await finishGroup()
        return steps + leaving.map(DriftFollower.Step.leave)
    }

    /// Returns the identities of those entries that already exist on the target, created by hand.
    private func present(_ entries: [DefinitionEntry]) async throws -> Set<ServerText> {
        guard !entries.isEmpty else { return [] }
        return try await owned.onTarget { connection in
            try Set(entries.filter { try connection.has($0) }.map(\.identity))
        }
    }

    /// Replaces the server's hint to use CASCADE, which would lose rows.
    private static func withoutCascade<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch var error as PostgresError where error.sqlState == "2BP01" {
            error.hint =
                "make the same change by hand on the target, in the same order, and run again; never with CASCADE"
            throw error
        }
    }

    private func followInOneTransaction(
        _ steps: [DriftFollower.Step],
        for changes: DefinitionChanges,
        and drift: TableDrift,
        plan: Plan
    ) async throws -> [String] {
        let outcome = try await owned.onTarget { [epoch, source, relations] connection in
            try Self.withoutCascade {
                try connection.transaction(.readWrite) {
                    let ledger = Ledger(connection, epoch: epoch)
                    try ledger.fence()
                    let outcome = try during("following what has changed in the source's definitions") {
                        try DriftFollower(
                            connection,
                            ledger: ledger,
                            source: source,
                            drift: drift,
                            changes: changes,
                            plan: plan,
                            relations: relations
                        ).follow(steps)
                    }
                    let added = Set(drift.added.map(\.qualifiedName))
                    let new = Plan(tables: plan.tables.filter { added.contains($0.name) }, warnings: [])
                    try RowFilter.refuseChanging(new, on: connection, areEmpty: true)
                    return outcome
                }
            }
        }
        for note in outcome.notes { context.note("followed: \(note)") }
        return outcome.notes
    }
}

extension WantedGeneration {
    /// Returns the tables whose chunks on the target do not match the generation, because all of their rows were dumped
    /// again.
    fileprivate func copiedAgain(
        ranges: [QualifiedName: [KeyRange]],
        _ relations: [RelationEntry]
    ) -> [UInt32: String] {
        let known = Dictionary(keepingFirst: relations.map { ($0.definition.oid, $0) })
        var reasons: [UInt32: String] = [:]
        for table in manifest.tables where !table.chunks.isEmpty {
            guard let relation = known[table.oid] else { continue }
            if ranges[relation.name] ?? [] != table.chunks.map(\.range) {
                reasons[table.oid] = "its chunks were cut again"
            } else if !relation.definition.meansTheSame(under: table) {
                reasons[table.oid] = "all of it was dumped again"
            }
        }
        return reasons
    }
}
