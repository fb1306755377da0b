import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Verification

/// What stands in the way of creating the source's definitions on the target.
///
/// The server has the last word: definitions are tried on a target that has none. Rules over both catalogs explain what
/// was refused, and decide alone where nothing could be tried.
struct Obstacles: Sendable {
    private static let purpose = "tidemark inspect"

    let context: RunContext
    let source: Endpoint
    /// What the source contains.
    let catalog: DatabaseCatalog
    let target: DatabaseCatalog
    let begun: BegunRun?
    /// How the tables are treated; nil if that could not be decided.
    let plan: Plan?

    private var isDefined: Bool { (begun?.run.step ?? .begun) > .begun }

    private var scope: Scope {
        let settled = SettledTables(begun?.relations ?? [], in: catalog)
        let treatments = context.options.plan.treatments.merging(settled.treatments) { _, settled in settled }
        let partitions = catalog.partitions
        // Partitions are left out with the table they belong to, unless something else was decided for them.
        let excluded = catalog.tables.filter { table in
            ([table] + partitions.ancestors(of: table)).lazy.compactMap { treatments[$0.qualifiedName] }.first
                .map { !$0.isOnTarget } ?? false
        }
        return Scope(
            excluding: Set(treatments.filter { !$0.value.isOnTarget }.keys).union(excluded.map(\.qualifiedName)),
            omitting: context.options.omissions
        )
    }

    /// Tries the source's definitions on the target, unless it already has definitions or is to be adopted.
    ///
    /// - Parameters:
    ///   - tools: The tools of the target's version.
    ///   - access: How `pg_dump` reaches the source.
    ///   - read: The definitions, if `pg_dump` has read them already.
    /// - Returns: What the server said; nil where nothing was tried.
    /// - Throws: ``ToolError``, ``PostgresError``.
    func trial(_ tools: PostgresTools, _ access: Definitions.Access, having read: Definitions? = nil) async throws
        -> FreshTrial.Outcome?
    {
        guard !isDefined, target.tables.isEmpty, context.options.targetContents == .nothing else { return nil }
        let trial = FreshTrial(
            context: context,
            tools: tools,
            source: catalog,
            target: target,
            scope: scope,
            plan: plan
        )
        guard let read else { return try await trial.run(access) }
        return try await trial.attempt(read)
    }

    /// Returns what the target server lacks or would refuse, and what cannot be copied from the source.
    ///
    /// - Parameters:
    ///   - trial: What the server said.
    ///   - couldBeTried: Whether nothing kept the definitions from being tried.
    /// - Returns: The findings, in no order.
    /// - Throws: ``PostgresError``.
    func findings(_ trial: FreshTrial.Outcome?, couldBeTried: Bool = true) async throws -> [Finding] {
        let (scope, isDefined, catalog) = (scope, isDefined, catalog)
        let (requirements, broken) = try await Connection.with(source, purpose: Self.purpose) { connection in
            let requirements = try Requirements(of: connection)
            // Definitions that exist on the target have been tried, and filled with rows.
            if isDefined { return (requirements, [Finding]()) }
            return (
                requirements, try BrokenExpressions.findings(of: catalog, excluding: scope.excluded, on: connection)
            )
        }
        let rules = Inspection(
            source: catalog,
            requirements: requirements,
            target: target,
            provisions: try await Connection.with(context.target, purpose: Self.purpose) { try Provisions(of: $0) },
            scope: scope
        ).findings
        let ofDefinitions: [Finding]
        if let trial {
            ofDefinitions =
                try await TriedRules(rules: rules, trial: trial.trial).findings + trial.findings
                + missingRights(trial.rightsOnSchemas)
        } else if isDefined || !couldBeTried {
            // Rules about definitions count only if the server has refused something.
            ofDefinitions = TriedRules(rules: rules, trial: .init()).findings
        } else {
            ofDefinitions = rules
        }
        return Self.unreadableExtensionRows(of: catalog, context.options) + broken + ofDefinitions
    }

    /// The extensions' tables whose rows would be copied, but cannot be read.
    static func unreadableExtensionRows(of catalog: DatabaseCatalog, _ options: MigrationOptions) -> [Finding] {
        let role = catalog.identity.roleName
        return options.wanted(catalog.extensionTables).filter { !$0.isReadable }.map { table in
            Finding(
                "extension rows",
                object: table.qualifiedName.description,
                problem: "unreadable",
                severity: .stops,
                "role \(role.visible) may not read all of its rows, which extension \(table.extension.visible) "
                    + "does not create itself; --exclude leaves them out",
                repair: "GRANT SELECT ON \(table.qualifiedName.quoted) TO \(Identifier(role).quoted)"
            )
        }
    }

    /// Returns differences in privileges on schemas of the target that belong to other roles.
    private func missingRights(_ there: [CatalogObject]) async throws -> [Finding] {
        guard !there.isEmpty, !scope.omits(.privileges) else { return [] }
        let here = try await Connection.with(source, purpose: Self.purpose) {
            try FreshTrial.rights(there.map(\.object), on: $0)
        }
        return ObjectComparison(
            source: here,
            target: there.filter { object in here.contains { $0.object == object.object } },
            versions: (catalog.identity.serverVersion, target.identity.serverVersion),
            scope: Scope(omitting: scope.omissions)
        ).result().findings.filter { $0.kind == "privileges" && $0.severity > .note }
    }
}
