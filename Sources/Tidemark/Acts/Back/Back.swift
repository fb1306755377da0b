import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Transfer
import Verification

/// The way back: what was written to the target since the cutover is copied to the old source.
///
/// Everything happens in one transaction of the old source, so it has all of it or nothing, and its keys, triggers and
/// definitions stay as they are. The new database is only read, and its tables are locked against writers meanwhile.
struct Back {
    private static let purpose = "tidemark back"

    private let context: RunContext
    /// The database that the last cutover filled.
    private let new: Endpoint
    private let recorder: RunRecorder

    /// - Parameters:
    ///   - context: The run's context; its target is the old source.
    ///   - new: The database that the last cutover filled.
    init(_ context: RunContext, from new: Endpoint) {
        self.context = context
        self.new = new
        recorder = RunRecorder("back", context)
    }

    func run() async throws -> RunReport {
        try await recorder.recording {
            try await ThreadConfined.with(new, purpose: Self.purpose) { ledger in
                try await ledger.run { connection in
                    try Ledger.lockTarget(connection)
                    try Ledger.endLeftovers(on: connection)
                }
                return try await copyBack(with: ledger)
            }
        }
    }

    private func copyBack(with ledger: ThreadConfined<Connection>) async throws -> RunReport {
        let plan = try await ReturnPlan(from: ledger, to: context.target, purpose: Self.purpose)
        let actsAsReplica = try await context.mayWriteAsReplica(purpose: Self.purpose)
        let old = actsAsReplica ? context.target.asReplica : context.target
        let (verification, entry) = try await SnapshotHolder.with(
            new,
            tables: plan.tables.map(\.relation.rows),
            lock: .rows,
            purpose: Self.purpose
        ) { shared, _ in
            try await ThreadConfined.several(
                context.options.jobs,
                { number, interrupter in
                    try Lane(
                        source: new,
                        target: old,
                        number: number,
                        purpose: "\(Self.purpose) \(number)",
                        interrupter: interrupter
                    )
                }
            ) { lanes in
                let work = ReturnTransaction(
                    plan: plan,
                    lanes: lanes,
                    snapshot: shared,
                    actsAsReplica: actsAsReplica,
                    omissions: plan.run.omissions.union(context.options.omissions),
                    recorder: recorder
                )
                return try await work.run(keeping: { entry in
                    try await ledger.run { try Ledger($0).keep(entry) }
                })
            }
        }
        let rows = recorder.progress.counts.rows
        try await ledger.run { connection in
            try connection.transaction(.readWrite) {
                let ledger = Ledger(connection, epoch: plan.run.epoch)
                try ledger.keep(entry.committed)
                try ledger.record(
                    "copied back",
                    subject: "to the old source",
                    count: CopyCount(rows: rows, bytes: 0)
                )
            }
        }
        recorder.record(.verified(verification))
        return recorder.finish(RunReport.Outcome(verification.verdict))
    }
}
