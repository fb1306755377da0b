import Catalog
import Glibc
package import Ledger
package import Planning
package import Postgres

/// What a worker needs to know about its pass.
package struct PassContext: Sendable {
    package let pass: Int
    package let epoch: Int
    package let relations: [Int: RelationEntry]
    package let identity: MarkIdentity
    /// The snapshot that everything is read in; nil: each chunk is read in its own.
    package let snapshot: SharedSnapshot?
    /// Whether the tables already have their triggers, which must not fire for copied rows.
    package let keepsTriggersOff: Bool
    /// Whether the tables already have their foreign keys, which do not act.
    package let keepsForeignKeys: Bool
    /// Locked tables that all workers leave for later.
    let postponed = Postponed()

    package init(
        pass: Int,
        epoch: Int,
        relations: [RelationEntry],
        identity: MarkIdentity,
        snapshot: SharedSnapshot?,
        keepsTriggersOff: Bool = false,
        keepsForeignKeys: Bool = false
    ) {
        self.keepsForeignKeys = keepsForeignKeys
        self.keepsTriggersOff = keepsTriggersOff
        self.pass = pass
        self.epoch = epoch
        self.relations = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0) })
        self.identity = identity
        self.snapshot = snapshot
    }
}

/// Advances chunks to a newer mark, one after the other, until none is due or a stop is requested.
///
/// Each chunk, or a few dozen chunks of small tables, is one transaction on each side. The target's transaction commits
/// last and contains the rows together with their line in the ledger: after a crash either both are there or neither.
package struct ChunkWorker {
    private let lane: Lane
    private let context: PassContext
    private let progress: TransferProgress
    private let stop: StopRequest

    private static let microsecondsBetweenLooks: UInt32 = 100_000

    package init(lane: Lane, context: PassContext, progress: TransferProgress, stop: StopRequest) {
        self.lane = lane
        self.context = context
        self.progress = progress
        self.stop = stop
    }

    /// Works on a stage's chunks until none is left.
    ///
    /// A table locked by another session is retried until it is free.
    ///
    /// - Parameters:
    ///   - stage: What is done to the chunks.
    ///   - isOver: Ends the work between two chunks.
    /// - Throws: ``PostgresError``, ``LedgerError``; transient errors are retried first.
    package func work(_ stage: ChunkStage, until isOver: () -> Bool = { false }) throws {
        var isSingly = false
        while !stop.isRequested, !isOver() {
            do {
                if try lane.retrying(progress, stop, { try workOnNext(stage, isSingly) }) { continue }
                // Chunks of locked tables are not claimed; look again until they are free.
                if context.postponed.isEmpty { break }
                usleep(Self.microsecondsBetweenLooks)
            } catch let locked as LockedTable {
                try lane.recover()
                guard let table = locked.table else {
                    isSingly = true
                    continue
                }
                if context.postponed.postpone(table) { progress.note("\(table) is left for later: \(locked.reason)") }
            }
        }
        try lane.leaveSharedSnapshot()
    }

    private func workOnNext(_ stage: ChunkStage, _ isSingly: Bool) throws -> Bool {
        let outcomes = try lane.target.transaction(.readWrite) {
            let ledger = Ledger(lane.target, epoch: context.epoch)
            let chunks = try ledger.claim(stage, passingOver: context.postponed.now, isSingly: isSingly)
                .map { ($0, try $0.relation(among: context.relations)) }
            guard !chunks.isEmpty else { return [] as [ChunkOutcome] }
            try lane.target.execute("SET LOCAL lock_timeout = \(LockedTable.patience)")
            let ahead = try LockedTable.thrown(by: nil, in: context) { try lookAhead(at: chunks.map(\.1)) }
            var completions: [Ledger.Completion] = []
            var events: [Ledger.Event] = []
            let outcomes = try chunks.map { chunk, relation in
                let start = ContinuousClock.now
                let result = try work(on: chunk, of: relation, stage, ledger: ledger, ahead: ahead)
                if let completion = result.completion { completions.append(completion) }
                events.append(event(of: chunk, in: relation, result.outcome, duration: start.duration(to: .now)))
                context.postponed.resume(relation.name)
                return result.outcome
            }
            try ledger.complete(completions)
            try ledger.record(events)
            return outcomes
        }
        for outcome in outcomes { progress.finishChunk(outcome) }
        return !outcomes.isEmpty
    }

    /// What is known about several tables before the first of them is copied.
    private struct Ahead {
        /// By the tables' ids; marks taken in one snapshot are valid for all of them.
        var marks: [Int: Mark] = [:]
        /// Tables that have no page on the target.
        var empty: Set<Int> = []
    }

    /// Looks at several tables at once; at none if each chunk is read in its own snapshot.
    private func lookAhead(at relations: [RelationEntry]) throws -> Ahead {
        guard let snapshot = context.snapshot, relations.count > 1 else { return Ahead() }
        return try lane.reading(in: snapshot) {
            Ahead(
                marks: try RelationEntry.takeMarks(of: relations, on: lane.source, context.identity),
                empty: try emptyTables(of: relations)
            )
        }
    }

    /// Returns the tables without a page, which have no rows; partitioned tables are not checked.
    private func emptyTables(of relations: [RelationEntry]) throws -> Set<Int> {
        let sizes = relations.filter { !$0.definition.isPartitioned }.map { relation -> SQL in
            "(\(relation.relationId), pg_catalog.pg_relation_size(\(literal: relation.name.quoted)))"
        }
        guard !sizes.isEmpty else { return [] }
        let empty = try lane.target.query(
            "SELECT id FROM (VALUES \(sizes.joined(separator: ", "))) AS t(id, bytes) WHERE bytes = 0"
        )
        return Set(try empty.map { try $0.integer("id") })
    }

    private func event(
        of chunk: ChunkEntry,
        in relation: RelationEntry,
        _ outcome: ChunkOutcome,
        duration: Duration
    ) -> Ledger.Event {
        Ledger.Event(
            outcome.kind.rawValue,
            relation.name.description,
            relation: chunk.relationId,
            chunk: chunk.chunkNumber,
            count: outcome.copied,
            duration: duration
        )
    }

    private func work(
        on chunk: ChunkEntry,
        of relation: RelationEntry,
        _ stage: ChunkStage,
        ledger: Ledger,
        ahead: Ahead
    ) throws -> ChunkStep.Result {
        try during("\(relation.name) chunk \(chunk.chunkNumber) \(chunk.range)") {
            try LockedTable.thrown(by: relation.name, in: context) {
                try lane.reading(in: context.snapshot) {
                    let known = ahead.marks[relation.relationId]
                    let mark = try known ?? relation.takeMark(on: lane.source, context.identity)
                    let step = ChunkStep(
                        lane: lane,
                        ledger: ledger,
                        relation: relation,
                        chunk: chunk,
                        now: mark,
                        context: context,
                        progress: progress,
                        isEmpty: ahead.empty.contains(relation.relationId)
                    )
                    return try step.run(stage)
                }
            }
        }
    }
}

/// The outcome of one chunk.
package struct ChunkOutcome: Sendable {
    package enum Kind: String, Sendable {
        case base, delta, shed, unchanged, whole
        /// No valid mark existed, so both sides were compared.
        case reconciled
    }

    package let kind: Kind
    package let copied: CopyCount
    package let removed: Int
}
