import Glibc
import Ledger
import Planning
package import Postgres

/// Takes part in the steps of ``DeltaSlices``.
///
/// If the table is locked, or no longer as it was, the worker says so there, and all stop.
package struct DeltaSliceWorker {
    private static let microsecondsBetweenLooks: UInt32 = 100_000

    private let lane: Lane
    private let context: PassContext
    private let slices: DeltaSlices
    private let progress: TransferProgress
    private let stop: StopRequest

    package init(
        lane: Lane,
        context: PassContext,
        slices: DeltaSlices,
        progress: TransferProgress,
        stop: StopRequest
    ) {
        self.lane = lane
        self.context = context
        self.slices = slices
        self.progress = progress
        self.stop = stop
    }

    private var relation: RelationEntry { slices.relation }
    private var chunks: [ChunkEntry] { slices.probe.chunks }

    /// Looks at slices until none is left.
    ///
    /// - Throws: ``PostgresError``; transient errors are retried first.
    package func look() throws {
        try workOff(slices.nextToRead) { blocks in
            let look = try lane.retrying(progress, stop) {
                try reading { try slices.probe.look(at: blocks, on: lane.source) }
            }
            slices.add(look, of: blocks)
        }
    }

    /// Copies written rows until none is left.
    ///
    /// - Throws: ``PostgresError``, ``LedgerError``; transient errors are retried first.
    package func load() throws {
        try workOff(slices.nextToLoad) { slice in
            var transaction: Int?
            var copied: [Int: CopyCount] = [:]
            try lane.retrying(progress, stop) {
                // The connection may have been lost after the rows were committed: they are not loaded twice.
                if let transaction, try hasCommitted(transaction) { return }
                try lane.target.transaction(.readWrite) {
                    transaction = try lane.target.queryOne("SELECT pg_catalog.txid_current() AS id").integer("id")
                    let ledger = Ledger(lane.target, epoch: context.epoch)
                    try ledger.fence()
                    copied = try reading { try load(slice) }
                    // In one order, so that two workers never wait for each other.
                    for (position, count) in copied.sorted(by: { $0.key < $1.key }) where count.rows > 0 {
                        try ledger.amend(chunks[position], copied: count)
                    }
                }
            }
            for (position, count) in copied {
                slices.note(DeltaSlices.ChunkChange(copied: count), of: chunks[position].chunkNumber)
            }
        }
    }

    private func load(_ slice: DeltaSlices.Slice) throws -> [Int: CopyCount] {
        let columns: SQL = relation.columns.isEmpty ? "" : " (\(relation.columns.commaSeparated))"
        let copyIn: SQL = "COPY \(relation.name)\(columns) FROM STDIN \(relation.format.clause)"
        var copied: [Int: CopyCount] = [:]
        for (position, mark, found) in slices.written(in: slice) {
            let source = ChunkSource(lane.source, relation: relation, range: chunks[position].range)
            for copyOut in source.writtenRows(since: mark, upTo: slices.mark, at: found.places) {
                copied[position, default: .zero] =
                    try copied[position, default: .zero]
                    + lane.source.relay(copyOut, to: lane.target, copyIn, progress: progress.addBytes)
            }
        }
        return copied
    }

    /// Whether a transaction of a session that was lost has committed.
    private func hasCommitted(_ transaction: Int) throws -> Bool {
        while true {
            let status = try lane.target.queryOne(
                "SELECT coalesce(pg_catalog.txid_status(\(transaction)::bigint), 'unknown') AS status"
            ).word("status")
            // Its server process may not have noticed yet that nobody listens.
            guard status == "in progress", !stop.isRequested else { return status == "committed" }
            usleep(Self.microsecondsBetweenLooks)
        }
    }

    /// Deletes the rows that are no longer on the source as the target holds them.
    ///
    /// - Throws: ``PostgresError``, ``LedgerError``; transient errors are retried first.
    package func shed() throws {
        var isDue = true
        try workOff({
            defer { isDue = false }
            return isDue ? slices.found : nil
        }) { found in
            let removals = try lane.retrying(progress, stop) {
                try lane.target.transaction(.readWrite) {
                    let ledger = Ledger(lane.target, epoch: context.epoch)
                    try ledger.fence()
                    let now = try ledger.chunks().filter { $0.relationId == relation.relationId }
                    return try DeltaSliceShedder(lane: lane, slices: slices, reading: reading)
                        .shed(now, found, in: ledger)
                }
            }
            for (chunk, removed) in removals {
                slices.note(DeltaSlices.ChunkChange(removed: removed), of: chunk)
            }
        }
    }

    /// Works until nothing is left, a stop is requested, or the table cannot be copied in slices.
    private func workOff<Item>(_ next: () -> Item?, _ body: (Item) throws -> Void) throws {
        while !stop.isRequested {
            if try lane.waitForItsTurn(progress, stop) { continue }
            guard let item = next() else { return }
            let start = ContinuousClock.now
            defer { slices.note(start.duration(to: .now)) }
            do {
                try progress.working(on: relation.name) { try during("\(relation.name)") { try body(item) } }
            } catch let locked as LockedTable {
                try lane.recover()
                slices.end(.locked(locked.reason))
            } catch let abandoned as AbandonedSlices {
                try lane.recover()
                slices.end(.void(abandoned.reason))
            }
        }
    }

    /// Runs `body` in a snapshot of its own.
    private func reading<Result>(_ body: () throws -> Result) throws -> Result {
        try LockedTable.thrown(by: relation.name, in: context) {
            try lane.reading(in: nil) {
                let now = try lane.mark(of: relation, in: context)
                if let reason = slices.mark.voidReason(at: now) { throw AbandonedSlices(reason: reason) }
                guard slices.mark.fileNode == now.fileNode else {
                    throw AbandonedSlices(reason: "its file was rewritten")
                }
                return try body()
            }
        }
    }
}
