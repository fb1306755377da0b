import Ledger
import Report
import Synchronization

/// What a call writes to the audit trail, for others to see.
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

    /// Writes to the audit trail that the call begins or ends; a server that is gone has no trail.
    func note(_ kind: String, as outcome: String? = nil, in session: Session) async {
        let duration = outcome == nil ? nil : beginning.duration(to: .now)
        let subject = [session.act, outcome].compactMap(\.self).joined(separator: ": ")
        try? await session.control.run { [epoch = session.epoch] connection in
            try Ledger(connection, epoch: epoch).note(kind, subject, duration: duration)
        }
    }
}
