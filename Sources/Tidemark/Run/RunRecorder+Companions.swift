import Ledger
import Report
import Synchronization
import Transfer

/// What goes on beside the work of a session: telling others by the ledger, and doing what others say there.
extension RunRecorder {
    /// Writes each phase that lasts longer than a second to the audit trail, for others to see.
    func announcePhases(in session: Session) async {
        var announced: RunPhase?
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            let now = currentPhase.withLock(\.self)
            guard let now, now.phase != announced, now.begun.duration(to: .now) > .seconds(1) else { continue }
            announced = now.phase
            try? await session.control.run { [epoch = session.epoch] connection in
                try Ledger(connection, epoch: epoch).note(Ledger.phaseKind, now.phase.rawValue)
            }
        }
    }

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
            try? await session.control.run { try $0.endSessions(named: name) }
            observer(
                .note(
                    "worker \(worker.workerId) (\(worker.name.visible)) has not asked for \(worker.silentSeconds) s: its sessions on the target were ended"
                )
            )
        }
    }

    /// Reads what worker processes have moved.
    func countWorkers(of session: Session) async {
        let work = try? await session.control.run { [epoch = session.epoch] in
            try Ledger($0, epoch: epoch).workOfWorkers()
        }
        guard let work else { return }
        var counts = TransferProgress.Counts()
        counts.chunks = work.chunks
        counts.rows = work.rows
        counts.removedRows = work.removedRows
        counts.bytes = work.bytes
        counts.unchangedChunks = work.unchangedChunks
        counts.reconciledChunks = work.reconciledChunks
        progress.setOthers(counts)
    }

    /// Writes to the audit trail that the call begins or ends; a server that is gone has no trail.
    func note(_ kind: String, as outcome: String? = nil, in session: Session) async {
        let duration = outcome == nil ? nil : beginning.duration(to: .now)
        let subject = [session.act, outcome].compactMap(\.self).joined(separator: ": ")
        try? await session.control.run { [epoch = session.epoch] connection in
            try Ledger(connection, epoch: epoch).note(kind, subject, duration: duration)
        }
    }
}
