import Catalog
import Glibc
package import Ledger
import Planning
package import Postgres

/// What a worker needs to know about the pass it works in.
package struct PassContext: Sendable {
    package let pass: Int
    package let epoch: Int
    package let relations: [Int: RelationEntry]
    package let identity: MarkIdentity
    /// The one snapshot everything is read in; nil: each chunk in one of its own.
    package let snapshot: SharedSnapshot?
    /// Whether the tables have their triggers already, which must not fire for rows that are brought.
    let keepsTriggersOff: Bool
    /// Tables that are left for later by all workers.
    let postponed = Postponed()

    package init(
        pass: Int,
        epoch: Int,
        relations: [RelationEntry],
        identity: MarkIdentity,
        snapshot: SharedSnapshot?,
        keepsTriggersOff: Bool = false
    ) {
        self.keepsTriggersOff = keepsTriggersOff
        self.pass = pass
        self.epoch = epoch
        self.relations = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0) })
        self.identity = identity
        self.snapshot = snapshot
    }
}

/// Brings chunks to a newer mark, one after the other, until none is due or somebody asks it to stop.
///
/// Each chunk is one transaction on either side, or a few dozen of small tables are. The target's commits last and
/// holds the rows together with their line in the ledger: after a crash at any moment both are there or neither.
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

    /// Works on chunks of a stage until none is left to take.
    ///
    /// A table that somebody else has locked is come back to until it is free.
    ///
    /// - Parameters:
    ///   - stage: What is done to the chunks.
    ///   - isOver: Ends the work between two chunks.
    /// - Throws: ``PostgresError``, ``LedgerError``. Errors that a fresh connection may heal are tried again first.
    package func work(_ stage: ChunkStage, until isOver: () -> Bool = { false }) throws {
        var isSingly = false
        while !stop.isRequested, !isOver() {
            do {
                if try lane.retrying(progress, stop, { try workOnNext(stage, isSingly) }) { continue }
                // A chunk of it is nobody's as long as it is locked.
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
                let result = try work(on: chunk, of: relation, stage, ledger, ahead)
                if let completion = result.completion { completions.append(completion) }
                events.append(event(result.outcome, chunk, relation, start.duration(to: .now)))
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

    /// What is known of several tables before the first of them is copied.
    private struct Ahead {
        /// By the tables' numbers; in one snapshot they all have the same right to their marks.
        var marks: [Int: Mark] = [:]
        /// Those of which the target has not a single page.
        var empty: Set<Int> = []
    }

    /// Looks at several tables at once; at none where each chunk is read in a snapshot of its own.
    private func lookAhead(at relations: [RelationEntry]) throws -> Ahead {
        guard let snapshot = context.snapshot, relations.count > 1 else { return Ahead() }
        return try lane.reading(in: snapshot) {
            Ahead(
                marks: try RelationEntry.takeMarks(of: relations, on: lane.source, context.identity),
                empty: try emptyTables(of: relations)
            )
        }
    }

    /// What has no page has no row; of a partitioned table that is not asked.
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
        _ outcome: ChunkOutcome,
        _ chunk: ChunkEntry,
        _ relation: RelationEntry,
        _ duration: Duration
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
        _ ledger: Ledger,
        _ ahead: Ahead
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

/// What became of one chunk.
package struct ChunkOutcome: Sendable {
    package enum Kind: String, Sendable {
        case base, delta, shed, unchanged, whole
        /// No mark told what the target holds: both sides were compared.
        case reconciled
    }

    package let kind: Kind
    package let copied: CopyCount
    package let removed: Int
}
