package import Catalog
import Postgres

/// Large objects on the way back: they are compared, and those that differ are replaced.
package struct LargeObjectReturn {
    private let lane: Lane
    private let attributes: LargeObjectAttributes
    private let progress: TransferProgress

    /// - Parameters:
    ///   - lane: The connections; the target's is in the transaction in which everything is copied back.
    ///   - attributes: What is compared besides content and comment.
    ///   - progress: Counts what is done.
    package init(lane: Lane, attributes: LargeObjectAttributes, progress: TransferProgress) {
        self.lane = lane
        self.attributes = attributes
        self.progress = progress
    }

    /// Makes a range of the old source's large objects equal to the snapshot's.
    ///
    /// - Parameter range: The range.
    /// - Throws: ``PostgresError``.
    package func copyBack(_ range: LargeObjectRange) throws {
        let outcome = try during("copying back \(range)") {
            try LargeObjectCopier(lane: lane, ledger: nil, attributes: attributes, addBytes: progress.addBytes)
                .copy(range)
        }
        progress.finishLargeObjects(copied: outcome.copied, removed: outcome.removed)
    }
}
