import Catalog
import Ledger
import Planning
import Postgres

/// Opening a stage: rows are moved into tables that the target has, and nothing else is created or followed.
extension LiveOpening {
    /// Refuses a stage while a run is under way that did not begin as one.
    ///
    /// - Parameter begun: The run that has begun on the target.
    /// - Throws: ``PlanError``.
    func refuseStage(in begun: BegunRun?) throws {
        guard let begun, context.options.isStage, !begun.run.isStage else { return }
        throw PlanError(
            .usage,
            "the run on the target did not begin as a stage",
            hint: "end it first: tidemark finish; then precopy --stage moves other rows into the target"
        )
    }

    /// Refuses a stage that the target does not fit, before anything is written.
    ///
    /// - Parameters:
    ///   - plan: How the tables are treated.
    ///   - source: What the source contains.
    ///   - target: What the target contains.
    ///   - control: A connection to the target.
    /// - Throws: ``PlanError``, ``PostgresError``.
    func refuseUnfitStage(
        _ plan: Plan,
        _ source: DatabaseCatalog,
        into target: DatabaseCatalog,
        on control: ThreadConfined<Connection>
    ) async throws {
        let actsAsReplica = try await context.mayWriteAsReplica(purpose: "tidemark plan")
        try await control.run { connection in
            try StagedTables(plan, source: source, target: target)
                .refuseUnfit(on: connection, actsAsReplica: actsAsReplica)
        }
    }

    /// Refuses a stage whose tables have changed since it began.
    ///
    /// - Parameter session: The session of the run.
    /// - Throws: ``PlanError``, ``PostgresError``.
    func refuseChangedStage(_ session: Session) async throws {
        let (plan, target) = try await session.control.run { connection in
            try (Ledger(connection).plan(), DatabaseCatalog(of: connection))
        }
        let columns = Dictionary(keepingFirst: session.copiedRelations.map { ($0.name, $0.definition.columnsDigest) })
        try StagedTables(plan, source: session.source, target: target).refuseChanged(since: columns)
    }
}

extension OwnedRun {
    /// Records a stage's tables in the ledger.
    ///
    /// - Parameter plan: How the tables are treated.
    /// - Throws: ``PlanError`` if a condition may be true for a row today and not tomorrow; ``PostgresError``.
    func beginStage(_ plan: Plan) async throws {
        try await onTarget { [epoch, source] connection in
            let ledger = Ledger(connection, epoch: epoch)
            try connection.transaction(.readWrite) {
                try ledger.fence()
                try RowFilter.refuseChanging(plan, on: connection, areEmpty: false)
                try ledger.enter(plan, source: source)
                try ledger.setStep(.defined)
                try ledger.record("stage")
            }
        }
    }
}
