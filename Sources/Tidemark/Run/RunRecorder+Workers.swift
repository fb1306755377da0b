import Ledger
import Postgres
import Report
import Transfer

/// What a call does for the worker processes that take part in it: it divides what is allowed, counts, and ends those that stand still.
extension RunRecorder {
    /// Reads every second how fast the run may copy, as an operator has set it, and divides that among all who copy.
    func shareThrottle(in session: Session) async {
        var hadWorkers = false
        var told = ContinuousClock.now
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            guard
                let (set, workers) = try? await session.control.run({
                    try (Ledger($0).throttle(), Ledger($0).workers())
                }),
                set != nil || hadWorkers || !workers.isEmpty
            else { continue }
            hadWorkers = !workers.isEmpty
            let rate = (set?.maxRate ?? maxRate).flatMap { $0 == 0 ? nil : $0 }
            let jobs = [session.context.options.jobs] + workers.map(\.jobs)
            let shares = WorkerShare.all(of: rate, jobs: set?.jobs, among: jobs, epoch: session.epoch)
            progress.throttle.set(
                bytesPerSecond: shares[0].bytesPerSecond,
                workers: set?.jobs,
                isPaused: set?.isPaused ?? false
            )
            let now = ContinuousClock.now
            if progress.throttle.isPaused, told.duration(to: now) > .seconds(2) {
                told = now
                observer(.note("waiting because the run is paused; tidemark throttle --resume lets it go on"))
            }
            guard !workers.isEmpty else { continue }
            await putOutSilent(workers, of: session)
            let isHeld = progress.throttle.isHeld
            let allotted = zip(workers, shares.dropFirst()).map { worker, share in
                let jobs = isHeld ? 0 : share.jobs
                return (
                    worker.workerId,
                    WorkerShare(epoch: share.epoch, bytesPerSecond: share.bytesPerSecond, jobs: jobs)
                )
            }
            try? await session.ledger { try $0.allot(Dictionary(keepingFirst: allotted)) }
            await countWorkers(of: session)
        }
    }

    /// How long a worker process may say nothing: as long as a lost one keeps its sessions (`tcp_user_timeout`).
    private static let longestSilence = 60

    /// Ends the sessions of worker processes that stand still, so that what they have claimed is free again.
    ///
    /// The kernel of a process that was stopped goes on answering for its connections.
    private func putOutSilent(_ workers: [WorkerEntry], of session: Session) async {
        for worker in workers where worker.silentSeconds > Self.longestSilence {
            let name = "\(session.run.sessionPrefix) worker \(worker.workerId) "
            let isOut = (try? await session.control.run { try $0.endSessions(named: name) }) != nil
            // There they hold back vacuum, if its role is the client's as well.
            if let source = session.context.origin.endpoint {
                let purpose = session.purpose("control")
                try? await Connection.with(source, purpose: purpose) { try $0.endSessions(named: name) }
            }
            observer(
                .note(
                    "worker \(worker.workerId) (\(worker.name.visible)) has not asked for \(worker.silentSeconds) s: "
                        + (isOut
                            ? "its sessions were ended"
                            : "its sessions cannot be ended; end those named '\(name)…' on the target")
                )
            )
        }
    }

    /// Reads what worker processes have moved.
    func countWorkers(of session: Session) async {
        let work = try? await session.control.run { [epoch = session.epoch] in
            try Ledger($0, epoch: epoch).workOfWorkers()
        }
        if let work { progress.setOthers(work) }
    }
}
