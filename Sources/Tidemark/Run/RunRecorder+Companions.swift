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

    /// Reads every two seconds how fast the run may copy, as an operator has set it.
    func obeyThrottle(in session: Session) async {
        while (try? await Task.sleep(for: .seconds(2))) != nil {
            guard let set = try? await session.control.run({ try Ledger($0).throttle() }) else { continue }
            let rate = set.maxRate ?? maxRate
            progress.throttle.set(bytesPerSecond: rate == 0 ? nil : rate, workers: set.jobs, isPaused: set.isPaused)
            if progress.throttle.isPaused {
                observer(.note("waiting because the run is paused; tidemark throttle --resume lets it go on"))
            }
        }
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
