package import Postgres

/// A worker process that takes part in a run.
package struct WorkerEntry: Sendable, Codable, Hashable {
    package let workerId: Int
    /// The name it was given.
    package let name: ServerText
    /// Where it is connected from; nil: from the target's own machine.
    package let address: String?
    /// How many chunks it copies at the same time.
    package let jobs: Int
    /// How many objects it builds at the same time.
    package let indexJobs: Int
    /// Since when it takes part, in seconds.
    package let seconds: Int
    /// How long it has not asked how the call stands, in seconds.
    package let silentSeconds: Int
    /// The chunks, rows and bytes it has copied since the call began that is at work.
    package let chunks: Int
    package let rows: Int
    package let bytes: Int
    /// The statements it has executed that built objects since then.
    package let statements: Int
}

/// How fast a worker process may copy: its part of what is allowed to all of them together.
package struct WorkerShare: Sendable, Codable, Hashable {
    /// The epoch it is for.
    package let epoch: Int
    /// Bytes a second; nil: no limit.
    package let bytesPerSecond: Int?
    /// How many chunks at the same time; 0: it waits.
    package let jobs: Int

    package init(epoch: Int, bytesPerSecond: Int?, jobs: Int) {
        self.epoch = epoch
        self.bytesPerSecond = bytesPerSecond
        self.jobs = jobs
    }

    /// Divides what is allowed among all that copy.
    ///
    /// - Parameters:
    ///   - bytesPerSecond: The rate for all together; nil: no limit.
    ///   - jobs: How many chunks may be copied at the same time; nil: as many as all can.
    ///   - workers: How many chunks each of them can copy at the same time; the first is the client that owns the run.
    ///   - epoch: The epoch it is for.
    /// - Returns: The share of each; the first always has one job.
    package static func all(
        of bytesPerSecond: Int?,
        jobs: Int?,
        among workers: [Int],
        epoch: Int
    ) -> [WorkerShare] {
        var left = max(1, jobs ?? Int.max)
        let allowed = workers.map { wanted in
            let allowed = min(wanted, left)
            left -= allowed
            return allowed
        }
        let sum = max(1, allowed.reduce(0, +))
        return allowed.map { jobs in
            WorkerShare(
                epoch: epoch,
                bytesPerSecond: bytesPerSecond.map { max(1, $0 / sum * max(1, jobs)) },
                jobs: jobs
            )
        }
    }
}
