package import Postgres

/// Who claims work in the ledger: the client that owns the run, or a worker process that has joined it.
package struct Claimant: Sendable, Hashable {
    /// A worker process's part in announced work.
    package struct Participation: Sendable, Hashable {
        /// The worker's number in the ledger.
        package let worker: Int
        /// The number of the announcement: once it is withdrawn, nothing more of it can be claimed or committed.
        package let announcement: Int

        package init(worker: Int, announcement: Int) {
            self.worker = worker
            self.announcement = announcement
        }
    }

    /// The epoch of the client that owns the run.
    package let epoch: Int
    /// nil: the client itself.
    package let participation: Participation?

    package init(epoch: Int, _ participation: Participation? = nil) {
        self.epoch = epoch
        self.participation = participation
    }

    /// The ledger, as this claimant uses it.
    package func ledger(on connection: Connection) -> Ledger { Ledger(connection, by: self) }
}
