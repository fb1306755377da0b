import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Verification

/// Opens a run from an archive: checks the target, takes it over, and creates or follows the generation's definitions.
struct ArchiveOpening {
    let context: RunContext
    let wanted: WantedGeneration
    let control: ThreadConfined<Connection>

    /// Opens the run.
    ///
    /// - Returns: A session that can restore.
    /// - Throws: ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``, ``ArchiveError``.
    func session() async throws -> Session {
        let (target, begun) = try await control.run { connection in
            try Ledger.endLeftovers(on: connection)
            return try (DatabaseIdentity(of: connection), Ledger.run(on: connection))
        }
        let context = context.leavingOut(Set(wanted.manifest.omissions).union(begun?.omissions ?? []))
        return try await ArchiveOpening(context: context, wanted: wanted, control: control).session(target, begun)
    }

    private func session(_ target: DatabaseIdentity, _ begun: RunEntry?) async throws -> Session {
        try await control.run { try Refusals.unfit(target, on: $0) }
        try Refusals.versions(wanted.manifest.source, target, archived: true)
        let tools = try await PostgresTools.find(
            major: target.serverVersion.major,
            in: context.options.toolDirectory
        )
        try await tryDefinitions(begun, tools)
        let owned = try await OwnedRun(
            takingOver: context,
            on: control,
            tools: tools,
            source: context.options.wanted(wanted.recorded.catalog),
            target: target,
            .init(mayCreate: true, archive: wanted.manifest.archive)
        )
        guard owned.entry.step == .begun else { return try await follow(owned) }
        try await owned.define(
            wanted.definitions(tools, context.options),
            wanted.plan(for: target),
            subject: "generation \(wanted.manifest.generation)"
        )
        return try await owned.session(for: "restore", warnings: [])
    }

    /// Refuses definitions that the target's server would refuse, unless all of them are created already.
    private func tryDefinitions(_ begun: RunEntry?, _ tools: PostgresTools) async throws {
        guard (begun?.step ?? .begun) < .keysBuilt else { return }
        let options = context.options
        let (there, provisions) = try await control.run {
            try (options.wanted(DatabaseCatalog(of: $0)), Provisions(of: $0))
        }
        let source = options.wanted(wanted.recorded.catalog)
        let rules = Inspection(
            source: source,
            requirements: wanted.recorded.requirements,
            target: there,
            provisions: provisions,
            scope: Scope(omitting: options.omissions)
        ).findings
        guard begun == nil else {
            return try Refusals.stopping(TriedRules(rules: rules, trial: .init()).findings)
        }
        guard there.tables.isEmpty else { return try Refusals.stopping(rules) }
        let trial = try await FreshTrial(
            context: context,
            tools: tools,
            source: source,
            target: there,
            scope: wanted.scope(omitting: context.options.omissions),
            plan: nil
        ).attempt(wanted.definitions(tools, context.options))
        try Refusals.stopping(TriedRules(rules: rules, trial: trial.trial).findings + trial.findings)
    }

    /// Changes the definitions of a target at an earlier generation to those of this one, before its rows are restored.
    private func follow(_ owned: OwnedRun) async throws -> Session {
        let before = try await owned.session(for: "restore", warnings: [])
        try await before.ledger { try $0.keep(owned.source, withLabels: false) }
        let definitions = try wanted.definitions(owned.tools, context.options)
        let entries = try await definitions.preDataEntries()
        let followed = try await Following(owned: owned, run: before.run, relations: before.relations)
            .follow(definitions, entries)
        if let tooLate = followed.tooLate { throw tooLate }
        let kept = try await control.run { try Ledger($0).definitions() }
        let changes = DefinitionChanges(earlier: kept, later: entries).result().findings
        let warnings =
            followed.notes.map { "followed a change in the archive: \($0)" }
            + changes.map { "the target does not have this change of definition: \($0.object)" }
        return try await owned.session(for: "restore", warnings: warnings)
    }
}
