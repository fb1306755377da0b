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

    /// What comes after the keys: first what depends on them, unless an adopted target has it.
    func postData(of definitions: Definitions) async throws -> (late: SQL, rest: SQL) {
        let postData = try await definitions.postData(without: BuiltObjects(of: session.source))
        let missing = try await session.control.run { connection in
            try postData.late.filter { try !connection.has($0) }
        }
        return (try await definitions.script(of: missing), postData.rest)
    }

    /// Foreign keys, checks, and what comes after them.
    func finishDefinitions(_ postData: (late: SQL, rest: SQL)) async throws {
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
            try await make("rest of the definitions", postData.rest, .postData) { connection in
                let plan = try DatabaseSettingsPlan(
                    source: session.source.settings,
                    target: DatabaseSettings(of: connection),
                    name: DatabaseIdentity(of: connection).databaseName,
                    omissions: session.omissions
                )
                for statement in plan.statements {
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
                    try during("making the \(what)") { try connection.execute(script) }
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
                    try await builders.run([.init(name: "refreshing \(name)", sql: "REFRESH MATERIALIZED VIEW \(name)")]
                    )
                }
            }
        }
        let tables = session.source.tables.filter { !session.excluded.contains($0.qualifiedName) }
        let names =
            tables.sorted { $0.tableBytes > $1.tableBytes }.map(\.qualifiedName) + views.map(\.qualifiedName)
        let items = names.map { StatementQueue.Item(name: "ANALYZE \($0)", sql: "ANALYZE \($0)") }
        try await recorder.phase("analyze") { try await builders.run(items) }
    }
}
