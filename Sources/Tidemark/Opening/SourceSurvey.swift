import Catalog
import Ledger
import Planning
import Postgres
import Rebuild

/// What is read of the source before a run begins or resumes: its catalog, and how its tables are treated.
struct SourceSurvey: Sendable {
    let plan: Plan
    let catalog: DatabaseCatalog
    /// A mark from before the catalog was read.
    let definitionsMark: DefinitionsMark
    /// How `pg_dump` reaches the source.
    let access: Definitions.Access

    /// Reads the source.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - target: The database to fill.
    ///   - options: What the operator decided.
    ///   - begun: The run that has begun on the target; what was fixed then is kept.
    ///   - cutting: Whether tables are cut into chunks, which reads samples of them.
    /// - Throws: ``PlanError``, ``PostgresError``.
    init(
        of source: Endpoint,
        for target: DatabaseIdentity,
        options: MigrationOptions,
        begun: BegunRun?,
        cutting: Bool
    ) async throws {
        self = try await Connection.with(source, purpose: "tidemark plan") { connection in
            try Self.refuseLedgersSchema(on: connection)
            let mark = try DefinitionsMark(of: connection)
            let scope = Scope(omitting: options.omissions)
            let catalog = scope.applied(to: try DatabaseCatalog(of: connection))
            var plan = try Planner(
                source: catalog,
                target: target,
                options: options.plan,
                settled: SettledTables(begun?.relations ?? [], in: catalog)
            ).plan()
            if cutting {
                try RowFilter.refuseUnfit(plan, on: connection)
                plan = try KeyDistribution(connection).cut(plan)
            }
            return Self(plan: plan, catalog: catalog, mark: mark, access: try Definitions.Access(connection))
        }
    }

    private init(plan: Plan, catalog: DatabaseCatalog, mark: DefinitionsMark, access: Definitions.Access) {
        definitionsMark = mark
        self.plan = plan
        self.catalog = catalog
        self.access = access
    }

    private static func refuseLedgersSchema(on source: Connection) throws {
        let strangers = try Ledger.strangers(on: source)
        guard strangers.isEmpty else {
            throw PlanError(
                .refused,
                "the source has tables in the schema tidemark, which is reserved for the ledger and not copied: "
                    + strangers.prefix(10).map(\.description).joined(separator: ", "),
                hint: "move them to another schema: ALTER TABLE … SET SCHEMA …"
            )
        }
    }
}
