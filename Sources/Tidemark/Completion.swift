import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report

/// What is left to do when all rows are on the target: keys, constraints, the rest of the definitions, statistics.
///
/// Every step is in the ledger; killed anywhere, it goes on with the step that is due.
struct Completion {
    let session: Session
    let recorder: RunRecorder

    /// Keys and indexes; rows cannot be brought any more afterwards.
    func buildKeys() async throws {
        let builders = BuilderPool(session)
        try await recorder.phase("keys and indexes") {
            let objects = try await builders.build([.key, .index]) + builders.build([.partitionedIndex], jobs: 1)
            recorder.update { $0.transfer.objects += objects }
            try session.migration.stop.check()
        }
        // From here on rows cannot be brought any more: a delta under foreign keys would fire cascades.
        try await session.ledger { try $0.setStep(.keysBuilt) }
    }

    /// What comes after the keys.
    struct PostData: Sendable {
        /// What depends on them, unless an adopted target has it.
        let late: SQL
        let rest: SQL
        let rights: Rights
        /// All of it.
        let entries: [DefinitionEntry]
    }

    /// What comes after the keys, as the source has it now.
    func postData(of definitions: Definitions) async throws -> PostData {
        let postData = try await definitions.postData(without: BuiltObjects(of: session.source))
        let (missing, standing) = try await session.control.run { connection in
            (try postData.late.filter { try !connection.has($0) }, try StandingObjects(of: connection))
        }
        let rights = postData.rights.filter { !standing.covers($0) }
        return PostData(
            late: try await definitions.script(of: missing),
            rest: try await definitions.script(of: postData.rest),
            rights: Rights(definitions: definitions, entries: rights),
            entries: missing + postData.rest + rights
        )
    }

    /// Foreign keys, checks, and what comes after them.
    func finishDefinitions(_ postData: PostData) async throws {
        let builders = BuilderPool(session)
        try await recorder.phase("constraints") {
            var objects = try await builders.build([.rowConstraint]) + builders.build([.foreignKey], jobs: 1)
            let isLeft = session.omissions.contains(.foreignKeyValidation)
            objects += try await builders.build(isLeft ? [.partitionValidation] : [.validation, .partitionValidation])
            objects += try await builders.build([.partitionedForeignKey], jobs: 1)
            let built = objects
            recorder.update { $0.transfer.objects += built }
            try session.migration.stop.check()
        }
        try await recorder.phase("rest of the definitions") {
            if session.run.step < .lateDefinitions {
                try await make("definitions that depend on keys", postData.late, .lateDefinitions)
            }
            let objects = try await builders.build([.viewIndex])
            recorder.update { $0.transfer.objects += objects }
            try session.migration.stop.check()
            let rights = try await rights(postData.rights)
            try await make("rest of the definitions", postData.rest, .postData) { connection in
                try during("granting rights") {
                    try connection.execute(definitions: GrantorScript.byRoles(rights, as: connection.endpoint.role))
                }
                for statement in try session.databaseSettings(on: connection) {
                    try during("setting what the database carries itself") { try connection.execute(statement) }
                }
            }
        }
        try session.migration.stop.check()
    }

    /// Runs a script and enters the step it leads to, in one transaction.
    private func make(
        _ what: String,
        _ script: SQL,
        _ step: RunStep,
        _ more: @escaping @Sendable (Connection) throws -> Void = { _ in }
    ) async throws {
        try await ThreadConfined.with(session.migration.target, purpose: session.purpose("definitions")) { target in
            try await target.run { connection in
                try connection.transaction(.readWrite) {
                    let ledger = Ledger(connection, epoch: session.epoch)
                    try ledger.fence()
                    try during("making the \(what)") { try connection.execute(definitions: script) }
                    try more(connection)
                    try ledger.setStep(step)
                    try ledger.record(what)
                }
            }
        }
    }

    /// Materialized views, each after those it is made of, and statistics.
    func refreshAndAnalyze() async throws {
        let builders = BuilderPool(session)
        let views = session.source.materializedViews.filter(\.isPopulated)
        if !views.isEmpty {
            try await recorder.phase("materialized views") {
                // One after the other: a view may be made of others.
                for view in views {
                    let name = view.qualifiedName
                    try await builders.run([.init("refreshing \(name)", sql: "REFRESH MATERIALIZED VIEW \(name)")]
                    )
                }
            }
        }
        let fresh = try await withFreshStatistics()
        let tables = session.source.tables.filter {
            !session.excluded.contains($0.qualifiedName) && !fresh.contains($0.qualifiedName)
        }
        let names =
            tables.sorted { $0.tableBytes > $1.tableBytes }.map(\.qualifiedName) + views.map(\.qualifiedName)
        let items = names.map { StatementQueue.Item("ANALYZE \($0)", sql: "ANALYZE \($0)") }
        try await recorder.phase("analyze") { try await builders.run(items) }
    }

    /// Tables that were analyzed days ahead and of which no more has changed since than autovacuum would let pass
    /// (PostgreSQL manual 25.1.3): sampling them again on the night would tell the planner nothing new.
    private func withFreshStatistics() async throws -> Set<QualifiedName> {
        let (counted, brought) = try await session.control.run { [epoch = session.epoch] connection in
            let counted = try connection.query(
                """
                SELECT n.nspname, c.relname,
                       (pg_catalog.current_setting('autovacuum_analyze_threshold')::float8
                        + pg_catalog.current_setting('autovacuum_analyze_scale_factor')::float8 * c.reltuples
                        - pg_catalog.pg_stat_get_mod_since_analyze(c.oid))::bigint AS room
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind = 'r' AND c.reltuples > 0 AND pg_catalog.pg_stat_get_last_analyze_time(c.oid) IS NOT NULL
                  -- What came after the tables' rows has statistics of its own.
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL)
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext e WHERE e.stxrelid = c.oid)
                """
            ).map { row in
                (
                    table: QualifiedName(schema: try row.text("nspname"), name: try row.text("relname")),
                    room: try row.integer("room")
                )
            }
            return (counted, try Ledger(connection, epoch: epoch).tableWork())
        }
        // The server counts what a session has changed only once it has ended.
        let rows = Dictionary(
            brought.map { (QualifiedName(schema: $0.schemaName, name: $0.tableName), $0.rows) },
            uniquingKeysWith: +
        )
        return Set(counted.filter { $0.room >= rows[$0.table] ?? 0 }.map(\.table))
    }
}
