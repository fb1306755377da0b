import Ledger
import Postgres
import Report
import Transfer

/// Watches how busy the servers are, and makes a precopy pause while a limit is passed.
struct LoadWatch: Sendable {
    private static let interval = Duration.seconds(1)
    /// So many looks in a row have to keep all limits before the work goes on.
    private static let calmLooks = 3

    private let session: Session
    private let source: Endpoint
    private let limits: BackOff
    private let throttle: Throttle

    /// - Parameters:
    ///   - session: The session that works.
    ///   - source: The source.
    ///   - throttle: What its workers obey.
    init(_ session: Session, from source: Endpoint, _ throttle: Throttle) {
        self.session = session
        self.source = source
        self.throttle = throttle
        limits = session.context.options.backOff
    }

    /// Watches until the task is cancelled.
    func run() async {
        defer { throttle.backOff(false) }
        var told = ""
        while !Task.isCancelled {
            do {
                try await ThreadConfined.with(source, purpose: session.purpose("load")) { ours in
                    try await ThreadConfined.with(session.context.target, purpose: session.purpose("load")) { theirs in
                        try await watch(ours, theirs)
                    }
                }
            } catch {
                // The next look begins without knowing of a pause.
                throttle.backOff(false)
                if "\(error)" != told, !Task.isCancelled {
                    session.context.note("the servers' load cannot be read: \(error)")
                    told = "\(error)"
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    private func watch(_ source: ThreadConfined<Connection>, _ target: ThreadConfined<Connection>) async throws {
        var (lags, calm) = ((source: ReplicationLag(), target: ReplicationLag()), 0)
        var pause: (reason: String, since: ContinuousClock.Instant)?
        var hidden: Set<String> = []
        while true {
            let (ofSource, ofTarget) = (lags.source, lags.target)
            let here = try await source.run { try Look($0, limits, after: ofSource) }
            let there = try await target.run { try Look(lagOn: $0, limits, after: ofTarget) }
            lags = (here.lag, there.lag)
            for unseen in [here.unseen, there.unseen].compactMap(\.self) where hidden.insert(unseen).inserted {
                session.context.note(unseen)
            }
            if let reason = here.reason ?? there.reason {
                calm = 0
                if pause == nil {
                    await session.note("backed off", reason)
                    throttle.backOff(true)
                }
                pause = (reason, pause?.since ?? .now)
            } else {
                calm += 1
            }
            if let (reason, since) = pause {
                if calm >= Self.calmLooks {
                    throttle.backOff(false)
                    await session.note("went on", reason, took: since.duration(to: .now))
                    session.context.note("going on after \(Quantity.duration(since.duration(to: .now)))")
                    pause = nil
                } else {
                    session.context.note("waiting because the servers are busy: \(reason)")
                }
            }
            try await Task.sleep(for: Self.interval)
        }
    }
}

extension Session {
    /// Writes a line to the audit trail; a server that is gone has none.
    fileprivate func note(_ kind: String, _ subject: String, took duration: Duration? = nil) async {
        try? await control.run { [epoch] in try Ledger($0, epoch: epoch).note(kind, subject, duration: duration) }
    }
}
