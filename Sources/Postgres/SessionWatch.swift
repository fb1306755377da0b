import Synchronization

/// The sessions one call has with one server: what they wait for, and who waits for them.
///
/// ``Endpoint/watched(isStopped:tell:)`` attaches it; every ``Connection`` to such an endpoint enters itself.
package final class SessionWatch: Sendable {
    struct State {
        var sessions: [Int: WatchedSession] = [:]
        var name: String?
        var hasConnected = false
        /// While the server cannot be reached: how long it is tried.
        var outage: ContinuousClock.Instant?
        var standstill: PostgresError?
        /// Sessions of child processes that were ended because they were in the way of somebody else.
        var hasEndedChild = false
    }

    let side: Endpoint.Side
    /// Whether whatever waits for a lock is to end.
    let isStopped: @Sendable () -> Bool
    /// Receives what is waited for.
    let tell: @Sendable (String) -> Void
    private let state = Mutex(State())

    init(side: Endpoint.Side, isStopped: @escaping @Sendable () -> Bool, tell: @escaping @Sendable (String) -> Void) {
        self.side = side
        self.isStopped = isStopped
        self.tell = tell
    }

    /// What the run's sessions are called, those of its child processes included: nobody else's begin so.
    package var name: String? {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }

    /// That the run waited for a session which itself waited for the run; nil if that did not happen.
    package var standstill: PostgresError? { state.withLock { $0.standstill } }

    /// Whether a child process was ended, so that somebody else's change of a definition came to its turn.
    package var hasEndedChild: Bool { state.withLock { $0.hasEndedChild } }

    /// Forgets what an earlier call, or an earlier attempt, has met.
    package func begin(anew isNewCall: Bool) {
        state.withLock { state in
            state.standstill = nil
            state.hasEndedChild = false
            state.outage = nil
            if isNewCall { state.hasConnected = false }
        }
    }

    func with<Result>(_ body: (inout State) -> Result) -> Result {
        state.withLock { state in body(&state) }
    }

    func enter(_ session: WatchedSession) {
        state.withLock { state in
            state.sessions[session.pid] = session
            state.hasConnected = true
        }
    }

    func leave(_ session: WatchedSession) {
        state.withLock { state in
            // Another one may have the number by now.
            if state.sessions[session.pid] === session { state.sessions[session.pid] = nil }
        }
    }
}

/// One session of ours, as another thread sees it.
final class WatchedSession: Sendable {
    private struct State {
        /// When the statement that is running began; nil between two statements.
        var statementSince: ContinuousClock.Instant?
        /// When the open transaction was seen first.
        var transactionSince: ContinuousClock.Instant?
        var ending: PostgresError?
        var endedAt: ContinuousClock.Instant?
    }

    /// How long after a request to cancel the session itself is ended: a cancelled statement may have been over already.
    private static let grace = Duration.seconds(1)

    let pid: Int
    /// Whether it ends as soon as somebody else waits for what it holds.
    let givesWay: Bool
    private let handle: CancelHandle
    private let state = Mutex(State())
    private let holds = Atomic<Bool>(false)

    /// Whether what it has locked stays so until others have done their work.
    var isHolder: Bool {
        get { holds.load(ordering: .relaxed) }
        set { holds.store(newValue, ordering: .relaxed) }
    }

    init(pid: Int, givesWay: Bool, handle: CancelHandle) {
        self.pid = pid
        self.givesWay = givesWay
        self.handle = handle
    }

    func beginStatement() {
        state.withLock { $0.statementSince = .now }
    }

    func endStatement(isInTransaction: Bool) {
        state.withLock { state in
            state.statementSince = nil
            if !isInTransaction {
                state.transactionSince = nil
            } else if state.transactionSince == nil {
                state.transactionSince = .now
            }
        }
    }

    /// Whether it has been at one statement, or in one transaction, for so long.
    func isBusy(for duration: Duration) -> Bool {
        state.withLock { state in
            [state.statementSince, state.transactionSince].compactMap(\.self)
                .contains { $0.duration(to: .now) > duration }
        }
    }

    func isInStatement(for duration: Duration) -> Bool {
        state.withLock { $0.statementSince.map { $0.duration(to: .now) > duration } ?? false }
    }

    /// Cancels what it does; if it is asked again a while later, the session itself is ended.
    ///
    /// - Parameter reason: What the session's thread gets to see.
    func end(because reason: PostgresError) {
        let isFirst = state.withLock { state -> Bool? in
            guard let endedAt = state.endedAt else {
                (state.ending, state.endedAt) = (reason, .now)
                return true
            }
            state.ending = reason
            return endedAt.duration(to: .now) > Self.grace ? false : nil
        }
        switch isFirst {
        case true?: handle.cancelStatement()
        case false?: handle.shutDownSocket()
        case nil: break
        }
    }

    /// Why the statement that has just failed was ended; nil if that was not our doing.
    func takeEnding() -> PostgresError? {
        state.withLock { state in
            defer { (state.ending, state.endedAt) = (nil, nil) }
            return state.ending
        }
    }
}
