package import Catalog
import Ledger
package import Postgres
import Synchronization

/// Ranges of large objects, taken by several workers until none is left.
package final class LargeObjectQueue: Sendable {
    private let ranges: Mutex<[LargeObjectRange]>

    package init(_ ranges: [LargeObjectRange]) {
        self.ranges = Mutex(ranges)
    }

    package func next() -> LargeObjectRange? { ranges.withLock { $0.popLast() } }
}

/// Copies large objects, range by range, each in one transaction of the target.
package struct LargeObjectWorker {
    private let lane: Lane
    private let context: PassContext
    private let attributes: LargeObjectAttributes
    private let progress: TransferProgress
    private let stop: StopRequest

    /// - Parameters:
    ///   - lane: The connections.
    ///   - context: The pass; its snapshot is read, or one per range if it has none.
    ///   - attributes: What is copied besides content and comment.
    ///   - progress: Counts what is done.
    ///   - stop: Ends the work between two ranges.
    package init(
        lane: Lane,
        context: PassContext,
        attributes: LargeObjectAttributes,
        progress: TransferProgress,
        stop: StopRequest
    ) {
        self.lane = lane
        self.context = context
        self.attributes = attributes
        self.progress = progress
        self.stop = stop
    }

    /// Works until no range is left.
    ///
    /// - Parameter queue: The ranges.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    package func work(_ queue: LargeObjectQueue) throws {
        while !stop.isRequested, let range = queue.next() {
            let outcome = try lane.retrying(progress, stop) { try during("copying \(range)") { try copy(range) } }
            progress.finishLargeObjects(copied: outcome.copied, removed: outcome.removed)
        }
        try lane.leaveSharedSnapshot()
    }

    private func copy(_ range: LargeObjectRange) throws -> LargeObjectCopier.Outcome {
        try lane.target.transaction(.readWrite) {
            let ledger = Ledger(lane.target, epoch: context.epoch)
            try ledger.fence()
            return try lane.reading(in: context.snapshot) {
                try LargeObjectCopier(
                    lane: lane,
                    ledger: ledger,
                    attributes: attributes,
                    addBytes: progress.addBytes
                ).copy(range)
            }
        }
    }
}
