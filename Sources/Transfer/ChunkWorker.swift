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

    package init(pass: Int, epoch: Int, relations: [RelationEntry], identity: MarkIdentity, snapshot: SharedSnapshot?) {
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

    package init(lane: Lane, context: PassContext, progress: TransferProgress, stop: StopRequest) {
        self.lane = lane
        self.context = context
        self.progress = progress
        self.stop = stop
    }

    /// Works on chunks of a stage until none is left to take.
    ///
    /// - Parameter stage: What is done to the chunks.
    /// - Throws: ``PostgresError``, ``LedgerError``. Errors that a fresh connection may heal are tried again first.
    package func work(_ stage: ChunkStage) throws {
        while !stop.isRequested, try lane.retrying(progress, stop, { try workOnNext(stage) }) {}
        try lane.leaveSharedSnapshot()
    }

    private func workOnNext(_ stage: ChunkStage) throws -> Bool {
        let outcomes = try lane.target.transaction(.readWrite) {
            let ledger = Ledger(lane.target, epoch: context.epoch)
            let chunks = try ledger.claim(stage).compactMap { chunk in
                context.relations[chunk.relationId].map { (chunk, $0) }
            }
            let marks = try marksAhead(of: chunks.map(\.1))
            var events: [Ledger.Event] = []
            let outcomes = try chunks.map { chunk, relation in
                let start = ContinuousClock.now
                let outcome = try work(on: chunk, of: relation, stage, ledger, marks[relation.relationId])
                events.append(event(outcome, chunk, relation, start.duration(to: .now)))
                return outcome
            }
            try ledger.record(events)
            return outcomes
        }
        for outcome in outcomes { progress.finishChunk(outcome) }
        return !outcomes.isEmpty
    }

    /// The marks of several tables at once: in one snapshot they all have the same right to it.
    ///
    /// - Returns: By the tables' numbers; none where each chunk is read in a snapshot of its own.
    private func marksAhead(of relations: [RelationEntry]) throws -> [Int: Mark] {
        guard let snapshot = context.snapshot, relations.count > 1 else { return [:] }
        return try lane.reading(in: snapshot) {
            try RelationEntry.takeMarks(of: relations, on: lane.source, context.identity)
        }
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
        _ known: Mark?
    ) throws -> ChunkOutcome {
        try during("\(relation.name) chunk \(chunk.chunkNumber) \(chunk.range)") {
            try lane.reading(in: context.snapshot) {
                let mark = try known ?? relation.takeMark(on: lane.source, context.identity)
                let step = ChunkStep(
                    lane: lane,
                    ledger: ledger,
                    relation: relation,
                    chunk: chunk,
                    now: mark,
                    context: context,
                    progress: progress
                )
                return try step.run(stage)
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
