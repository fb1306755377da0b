import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Synchronization
import Verification

/// Creates all of the source's definitions on a target that has none of them, and rolls back.
struct FreshTrial {
    /// How long a materialized view of empty tables may take to fill, in milliseconds.
    private static let patience = 10_000

    let context: RunContext
    let tools: PostgresTools
    let source: DatabaseCatalog
    let target: DatabaseCatalog
    let scope: Scope
    /// How the tables are treated; nil if that could not be decided.
    let plan: Plan?

    /// What the server accepted and refused.
    struct Outcome: Sendable {
        let definitions: Definitions
        let trial: DefinitionTrial.Outcome
        /// Tables that can be created but not read afterwards.
        let findings: [Finding]
        /// Owners and privileges of existing schemas that belong to other roles.
        let rightsOnSchemas: [CatalogObject]
    }

    /// Reads the source's definitions and tries them.
    ///
    /// - Parameter access: How `pg_dump` reaches the source.
    /// - Returns: What was refused, and the definitions.
    /// - Throws: ``ToolError``, ``PostgresError``.
    func run(_ access: Definitions.Access) async throws -> Outcome {
        let definitions = try await Definitions(
            of: access,
            tools: tools,
            scratch: context.options.scratchDirectory,
            excluding: scope.excluded.union(source.sequencesServing(only: scope.excluded)),
            purpose: "tidemark definitions",
            options: Definitions.Options(context.options)
        )
        return try await attempt(definitions)
    }

    /// Tries definitions that were read already.
    ///
    /// - Parameter definitions: The source's definitions.
    /// - Returns: What was refused, and the definitions.
    /// - Throws: ``ToolError``, ``PostgresError``.
    func attempt(_ definitions: Definitions) async throws -> Outcome {
        let entries = try await definitions.allEntries()
        let settings = DatabaseSettingsPlan(
            source: source.settings,
            target: target.settings,
            name: target.identity.databaseName,
            scope: scope
        ).statements
        let views = source.materializedViews.filter(\.isPopulated).map(\.qualifiedName)
        return try await Connection.with(context.target, purpose: "tidemark trial") { connection in
            let standing = try StandingObjects(of: connection)
            let there = try Self.rights(standing.schemasOfOthers, on: connection)
            var closed: [QualifiedName] = []
            let trial = try DefinitionTrial(connection, settings: settings).run(
                of: entries.filter { !standing.covers($0) && !isOfExcluded($0) },
                room: DefinitionPieces.room(on: connection),
                refreshing: views,
                patience: Self.patience
            ) { connection in
                closed = try Self.closedTables(on: connection)
                try refuseChangingFilters(on: connection)
            }
            let role = try DatabaseIdentity(of: connection).roleName
            return Outcome(
                definitions: definitions,
                trial: trial,
                findings: closed.map { Self.finding($0, role) },
                rightsOnSchemas: there
            )
        }
    }

    /// Refuses conditions on rows that may be true today and not tomorrow, of the tables that could be created.
    private func refuseChangingFilters(on connection: Connection) throws {
        guard var plan, plan.tables.contains(where: { $0.filter != nil }) else { return }
        let created = Set(try Table.names(on: connection).values)
        plan.tables = plan.tables.filter { created.contains($0.name) }
        try RowFilter.refuseChanging(plan, on: connection, areEmpty: true)
    }

    /// Returns the owners and privileges of some schemas.
    static func rights(_ schemas: [ServerText], on connection: Connection) throws -> [CatalogObject] {
        guard !schemas.isEmpty else { return [] }
        return try CatalogObject.all(of: connection).filter { object in
            [.owner, .privileges].contains(object.kind)
                && schemas.contains { $0.quotedForAllServers == object.object.quotedForAllServers }
        }
    }

    /// Whether an entry is a foreign key that refers to an excluded table; it is left out with that table.
    private func isOfExcluded(_ entry: DefinitionEntry) -> Bool {
        guard entry.kind == "FK CONSTRAINT" else { return false }
        if source.foreignKeysLeftOut?.contains(where: { entry.identity == ServerText("2606 \($0)") }) == true {
            return true
        }
        return source.constraints.contains { constraint in
            constraint.kind == .foreignKey && constraint.referenced.map(scope.contains) == false
                && entry.schema == constraint.tableQualifiedName.schema
                && entry.name == constraint.tableQualifiedName.name + " " + constraint.name
        }
    }

    /// Returns the tables whose row-level security would hide rows from the role that copies and compares them.
    private static func closedTables(on connection: Connection) throws -> [QualifiedName] {
        try connection.query(
            """
            SELECT n.nspname, c.relname
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'tidemark' AND pg_catalog.row_security_active(c.oid)
            ORDER BY 1, 2
            """
        ).map { QualifiedName(schema: try $0.text("nspname"), name: try $0.text("relname")) }
    }

    private static func finding(_ table: QualifiedName, _ role: ServerText) -> Finding {
        Finding(
            "table",
            object: table.description,
            problem: "row-security",
            severity: .stops,
            "with its row-level security enabled, role \(role.visible) cannot read all of its rows on the target, so they cannot be proven; the repair lets the role bypass row-level security on every table",
            repair: "ALTER ROLE \(Identifier(role).quoted) BYPASSRLS"
        )
    }
}
