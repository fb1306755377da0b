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
    /// The definitions, if they were read at the same time, or why that failed.
    let definitions: Result<Definitions, any Error>?

    /// Reads the source.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - target: The database to fill.
    ///   - options: What the operator decided.
    ///   - begun: The run that has begun on the target; what was fixed then is kept.
    ///   - cutting: Whether tables are cut into chunks, which reads samples of them.
    ///   - reading: Reads the definitions; nil: they are not read. Only the plan knows of tables that are left out.
    /// - Throws: ``PlanError``, ``PostgresError``.
    init(
        of source: Endpoint,
        for target: DatabaseIdentity,
        options: MigrationOptions,
        begun: BegunRun?,
        cutting: Bool,
        reading: (@Sendable (Definitions.Access) async throws -> Definitions)? = nil
    ) async throws {
        (definitionsMark, access, definitions, (plan, catalog)) = try await ThreadConfined.with(
            source,
            purpose: "tidemark plan"
        ) { confined in
            let (mark, access) = try await confined.run { connection in
                try Self.refuseLedgersSchema(on: connection)
                let omitted = OmittedNames(options.omissions, besides: begun?.run.omissions ?? [])
                try omitted.refuseUnknown(on: connection)
                if let begun { try omitted.refuseCopied(by: begun) }
                return try (DefinitionsMark(of: connection), Definitions.Access(connection))
            }
            async let definitions = Self.result(of: reading, access)
            let planned = try await confined.run { connection in
                let catalog = options.wanted(try DatabaseCatalog(of: connection))
                var plan = try Planner(
                    source: catalog,
                    target: target,
                    options: options.decisions,
                    settled: SettledTables(begun?.relations ?? [], in: catalog)
                ).plan()
                if cutting {
                    try RowFilter.refuseUnfit(plan, on: connection)
                    plan = try KeyDistribution(connection).cut(plan)
                }
                return (plan, catalog)
            }
            return (mark, access, await definitions, planned)
        }
    }

    private static func result(
        of reading: (@Sendable (Definitions.Access) async throws -> Definitions)?,
        _ access: Definitions.Access
    ) async -> Result<Definitions, any Error>? {
        guard let reading else { return nil }
        do {
            return .success(try await reading(access))
        } catch {
            return .failure(error)
        }
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
