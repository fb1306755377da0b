import Catalog
import Glibc
package import Ledger
import Planning
package import Postgres

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
            if try lane.waitForItsTurn(progress, stop) { continue }
            // Another process may finish a table that was postponed here, so only a pause that lasts counts.
            let isPassingOver = !context.postponed.now.isEmpty
            do {
                if try lane.retrying(progress, stop, { try workOnNext(stage, isSingly) }) { continue }
                // Chunks of locked tables are not claimed; look again until they are free.
                if !isPassingOver { break }
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

    /// - Returns: False if none is left to take.
    private func workOnNext(_ stage: ChunkStage, _ isSingly: Bool) throws -> Bool {
        let outcomes = try lane.target.transaction(.readWrite) { () -> [ChunkOutcome]? in
            let ledger = context.claimant.ledger(on: lane.target)
            let claimed = try ledger.claim(stage, passingOver: context.passedOver) { first in
                guard !isSingly, context.relations[first.relationId]?.isSmallAndWhole == true else { return 0 }
                return context.smallTogether - 1
            }
            let chunks = try claimed.map { ($0, try $0.relation(among: context.relations)) }
            guard let (first, relation) = chunks.first else { return nil }
            lane.target.later("SET LOCAL lock_timeout = \(LockedTable.patience)")
            if case .base = stage, try cut(first, of: relation, in: ledger) { return [] }
            let ahead = try LockedTable.thrown(by: nil, in: context) { try lookAhead(at: chunks.map(\.1)) }
            var completions: [Ledger.Completion] = []
            var events: [Ledger.Event] = []
            let start = ContinuousClock.now
            let together = try copyTogether(chunks, ahead, in: ledger)
            let outcomes = try chunks.enumerated().map { index, claimed in
                let (chunk, relation) = claimed
                let start = together == nil ? .now : start
                let result =
                    try together?[index]
                    ?? progress.working(on: relation.name) {
                        try work(on: chunk, of: relation, stage, ledger: ledger, ahead: ahead)
                    }
                // Of tables that were copied together, each took its share.
                let duration = start.duration(to: .now) / (together?.count ?? 1)
                if let completion = result.completion { completions.append(completion) }
                events.append(event(of: chunk, in: relation, result.outcome, duration: duration))
                if result.outcome.kind == .base { context.pace?.note(chunk, duration) }
                context.postponed.resume(relation.name)
                return result.outcome
            }
            StatusPoint.chunkCopied.reached()
            try ledger.complete(completions)
            try ledger.record(events)
            return outcomes
        }
        for outcome in outcomes ?? [] { progress.finishChunk(outcome) }
        return outcomes != nil
    }

    /// Cuts a chunk that would take too long to read, instead of copying it.
    ///
    /// - Returns: Whether it was cut.
    private func cut(_ chunk: ChunkEntry, of relation: RelationEntry, in ledger: Ledger) throws -> Bool {
        guard let pace = context.pace, let key = relation.key, chunk.mark == nil, !chunk.isAdopted else { return false }
        let parts = pace.parts(of: chunk)
        guard parts > 1 else { return false }
        let cuts = try during("cutting \(relation.name) chunk \(chunk.chunkNumber)") {
            try LockedTable.thrown(by: relation.name, in: context) {
                try lane.reading(in: nil) {
                    try KeyDistribution(lane.source).cuts(chunk.range, of: relation.rows, key: key, count: parts)
                }
            }
        }
        let numbers = try ledger.cut(chunk, of: relation, key, at: cuts, tableBytes: relation.tableBytes)
        pace.noteParts(numbers.isEmpty ? [chunk.chunkNumber] : numbers, of: relation.relationId)
        return numbers.count > 1
    }

    /// Copies small tables whole, if several were claimed.
    ///
    /// - Returns: What was done with each; nil if they have to be copied one by one.
    private func copyTogether(
        _ chunks: [(ChunkEntry, RelationEntry)],
        _ ahead: Ahead,
        in ledger: Ledger
    ) throws -> [ChunkStep.Result]? {
        guard chunks.count > 1, !context.keepsTriggersOff else { return nil }
        let tables = SmallTables(
            lane: lane,
            own: OwnRows(ledger),
            context: context,
            progress: progress,
            tables: chunks.map { (chunk: $0, relation: $1) },
            marks: ahead.marks,
            empty: ahead.empty
        )
        return try LockedTable.thrown(by: nil, in: context) {
            try lane.reading(in: context.snapshot) { try tables.copy() }
        }
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
            let marks = try RelationEntry.takeMarks(of: relations, on: lane.source, context.identity)
            try context.files.checkLocks(of: relations, heldBy: snapshot, on: lane.source)
            return Ahead(marks: marks, empty: try emptyTables(of: relations))
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
            removed: outcome.removed,
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
                    let mark = try known ?? lane.mark(of: relation, in: context)
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
