import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report

/// The work after all rows are on the target: keys, constraints, the rest of the definitions, statistics.
///
/// The ledger records every step. If the run is killed, it resumes with the next step.
struct Completion {
    let session: Session
    let recorder: RunRecorder

    /// Checks the foreign keys that stayed validated while rows were copied.
    func checkForeignKeys() async throws {
        guard session.run.keepsForeignKeys, !session.scope.omits(.foreignKeyValidation), let mark = session.run.leftAt
        else { return }
        let chunks = try await session.control.run { try Ledger($0).chunksWrittenSinceReopening() }
        let orphans = DeltaOrphans(session.source, session.copiedRelations, in: chunks, since: mark)
        let context = session.context
        try await recorder.phase(.constraints) {
            _ = try await Connection.each(
                min(context.options.jobs, max(1, orphans.count)),
                context.target,
                purpose: session.purpose("foreign keys")
            ) { connection, _ in try orphans.look(on: connection, stop: context.stop) }
        }
        try context.stop.check()
        try orphans.throwIfAny()
    }

    /// Builds keys and indexes; afterwards rows are only copied after what acts on them was taken off again.
    func buildKeys() async throws {
        let builders = BuilderPool(session)
        try await recorder.phase(.keysAndIndexes) {
            let objects = try await builders.build([.key, .index]) + builders.build([.partitionedIndex], jobs: 1)
            recorder.record(.built(objects))
            try session.context.stop.check()
        }
        // From here on a delta would fire the cascades of foreign keys.
        try await markLeft(reaching: .keysBuilt)
    }

    /// Marks the target after this run's last write to its tables.
    ///
    /// - Parameters:
    ///   - step: The step that is reached in the same transaction; nil to keep the current one.
    ///   - border: The id below which everything counts as seen; nil: as the server's snapshot shows it.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    func markLeft(reaching step: RunStep? = nil, seeing border: UInt64? = nil) async throws {
        // With them, a later call need not read the target to see who has written to it.
        let counters = try await CountedTarget.readingAfterWorkers(of: session)
        try await session.ledger { ledger in
            if let counters, let run = try Ledger.run(on: ledger.connection) {
                try ledger.keep(counters, pass: run.pass, of: .target)
            }
            try ledger.markLeft(MarkIdentity(DatabaseIdentity(of: ledger.connection)), seeing: border)
            if let step { try ledger.setStep(step) }
        }
    }

    /// The definitions that are created after the keys.
    struct PostData: Sendable {
        /// Definitions that depend on the keys, without those that an adopted target already has.
        let late: SQL
        let rest: SQL
        let rights: Rights
        /// All of them.
        let entries: [DefinitionEntry]
    }

    /// Returns the source's current definitions that are created after the keys.
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

    /// Builds foreign keys and checks, then creates the rest of the definitions.
    func finishDefinitions(_ postData: PostData) async throws {
        let builders = BuilderPool(session)
        try await recorder.phase(.constraints) {
            var objects = try await builders.build([.rowConstraint]) + builders.build([.foreignKey], jobs: 1)
            let isLeft = session.scope.omits(.foreignKeyValidation)
            objects += try await builders.build(isLeft ? [.partitionValidation] : [.validation, .partitionValidation])
            objects += try await builders.build([.partitionedForeignKey], jobs: 1)
            let built = objects
            recorder.record(.built(built))
            try session.context.stop.check()
        }
        try await recorder.phase(.restOfTheDefinitions) {
            if session.run.step < .lateDefinitions {
                try await make("definitions that depend on keys", with: postData.late, reaching: .lateDefinitions)
            }
            // Views come with the definitions, and nothing follows one that was dropped since the last call.
            let wanted = session.objects
            try await session.ledger { try $0.forgetObjects(in: .viewIndex, besides: wanted) }
            let objects = try await builders.build([.viewIndex])
            recorder.record(.built(objects))
            try session.context.stop.check()
            let rights = try await rights(postData.rights)
            try await make("rest of the definitions", with: postData.rest, reaching: .postData) { connection in
                try during("granting privileges") {
                    try connection.execute(definitions: GrantorScript.byRoles(rights, as: connection.endpoint.role))
                }
                for statement in try session.databaseSettings(on: connection) {
                    try during("applying the settings of the database") { try connection.execute(statement) }
                }
            }
        }
        try session.context.stop.check()
    }

    /// Runs a script and records the step it completes, in one transaction.
    private func make(
        _ what: String,
        with script: SQL,
        reaching step: RunStep,
        _ more: @escaping @Sendable (Connection) throws -> Void = { _ in }
    ) async throws {
        try await Connection.with(session.context.target, purpose: session.purpose("definitions")) { connection in
            try connection.transaction(.readWrite) {
                let ledger = Ledger(connection, epoch: session.epoch)
                try ledger.fence()
                try during("creating the \(what)") { try connection.execute(definitions: script) }
                try more(connection)
                try ledger.setStep(step)
                try ledger.record(what)
            }
        }
    }

    /// Refreshes materialized views whose tables this run has written to since, each after the views it depends on, and
    /// gathers statistics.
    func refreshAndAnalyze() async throws {
        let builders = BuilderPool(session)
        // Those of a stage's target are its own.
        let views = session.scope.isStage ? [] : try await dueViews()
        if !views.isEmpty {
            try await recorder.phase(.materializedViews) {
                // One after another, because a view may depend on others.
                for view in views {
                    let name = view.qualifiedName
                    try await builders.run([.init("refreshing \(name)", sql: "REFRESH MATERIALIZED VIEW \(name)")]
                    )
                }
            }
        }
        let fresh = try await FreshStatistics(of: session)
        let tables = session.source.tables.filter {
            session.scope.contains($0.qualifiedName) && !fresh.contains($0.qualifiedName)
        }
        let names = tables.sorted { $0.tableBytes > $1.tableBytes }.map(\.qualifiedName)
        let short = tables.filter { !$0.isPartitioned && $0.tableBytes <= TablePlan.smallBytes }.map(\.qualifiedName)
        recorder.warn(
            try await recorder.phase(.analyze) {
                try await builders.analyze(views.map(\.qualifiedName) + names, short: Set(short))
            }
        )
        if !views.isEmpty { try await session.ledger { try $0.noteRefreshed(Set(views.map(\.qualifiedName))) } }
    }

    /// The materialized views to refresh, in order.
    private func dueViews() async throws -> [MaterializedView] {
        let views = session.source.materializedViews.filter(\.isPopulated)
        guard !views.isEmpty else { return [] }
        let filled = try await session.control.run { try Ledger($0).filledViews() }
        let fresh = Set(filled.filter(\.isFresh).map(\.qualifiedName))
        let (standing, due) = (
            views.filter { fresh.contains($0.qualifiedName) }, views.filter { !fresh.contains($0.qualifiedName) }
        )
        if !standing.isEmpty {
            let names = standing.prefix(10).map(\.qualifiedName.description).joined(separator: ", ")
            session.context.note("not refreshed, because nothing was written to their tables since: \(names)")
        }
        return due
    }
}
