import Glibc
import Ledger
import Planning
package import Postgres

/// Copies slices of tables until none is left or a stop is requested.
///
/// Each slice is one transaction on each side, in a snapshot of its own; the target's holds the rows and the ledger's line.
package struct SliceWorker {
    private static let microsecondsBetweenLooks: UInt32 = 100_000

    private let lane: Lane
    private let context: PassContext
    private let progress: TransferProgress
    private let stop: StopRequest
    private let void: VoidSlices

    package init(
        lane: Lane,
        context: PassContext,
        progress: TransferProgress,
        stop: StopRequest,
        void: VoidSlices
    ) {
        self.lane = lane
        self.context = context
        self.progress = progress
        self.stop = stop
        self.void = void
    }

    /// - Parameter isOver: Ends the work between two slices.
    /// - Throws: ``PostgresError``, ``LedgerError``; transient errors are retried first.
    package func work(until isOver: () -> Bool) throws {
        while !stop.isRequested, !isOver() {
            if try lane.waitForItsTurn(progress, stop) { continue }
            // Another process may finish a table that was postponed here, so only a pause that lasts counts.
            let isPassingOver = !context.postponed.now.isEmpty
            do {
                if try lane.retrying(progress, stop, copyNext) { continue }
                // Slices of locked tables are not claimed; look again until they are free.
                if !isPassingOver { break }
                usleep(Self.microsecondsBetweenLooks)
            } catch let locked as LockedTable {
                try lane.recover()
                guard let table = locked.table else { throw locked }
                if context.postponed.postpone(table) { progress.note("\(table) is left for later: \(locked.reason)") }
            }
        }
    }

    /// - Returns: False if none is left to take.
    private func copyNext() throws -> Bool {
        let postponed = Set(context.postponed.now)
        let skipped = context.relations.values.filter { postponed.contains($0.name) }.map(\.relationId)
        return try lane.target.transaction(.readWrite) {
            let ledger = context.claimant.ledger(on: lane.target)
            guard let slice = try ledger.claimSlice(passingOver: Set(skipped).union(void.reasons.keys)),
                let relation = context.relations[slice.relationId]
            else { return false }
            if let blocks = context.pace?.blocks(of: slice) {
                try ledger.shorten(slice, to: blocks)
                return true
            }
            let start = ContinuousClock.now
            try lane.target.execute("SET LOCAL lock_timeout = \(LockedTable.patience)")
            try during("\(relation.name) slice \(slice.sliceNumber)") {
                try LockedTable.thrown(by: relation.name, in: context) {
                    try lane.reading(in: context.snapshot) { try copy(slice, of: relation, ledger) }
                }
            }
            context.pace?.note(slice, start.duration(to: .now))
            context.postponed.resume(relation.name)
            return true
        }
    }

    private func copy(_ slice: SliceEntry, of relation: RelationEntry, _ ledger: Ledger) throws {
        let now = try lane.mark(of: relation, in: context)
        if let reason = slice.mark.voidReason(at: now) { return void.note(relation.relationId, reason) }
        guard slice.mark.fileNode == now.fileNode else {
            return void.note(relation.relationId, "its file was rewritten")
        }
        let source = ChunkSource(lane.source, relation: relation, range: .everything)
        let isOfThisSnapshot = context.snapshot?.snapshot == slice.mark.snapshot
        let columns: SQL = relation.columns.isEmpty ? "" : " (\(relation.columns.commaSeparated))"
        let copied = try lane.source.relay(
            source.rows(in: slice.blocks, seenBy: isOfThisSnapshot ? nil : slice.mark),
            to: lane.target,
            "COPY \(relation.name)\(columns) FROM STDIN \(relation.format.clause)",
            progress: progress.addBytes
        )
        try ledger.complete(slice, copied)
        if context.claimant.participation != nil {
            // The rows are counted with their chunks, by the client that owns the run.
            try ledger.record([Ledger.Event("slice", relation: relation.relationId, bytes: copied.bytes)])
        }
    }
}
