import Synchronization

/// The sessions of one call with one server: what they wait for, and which sessions wait for them.
///
/// ``Endpoint/watched(stop:note:)`` attaches it; every ``Connection`` to such an endpoint registers itself.
package final class SessionWatch: Sendable {
    struct State {
        var sessions: [Int: WatchedSession] = [:]
        var name: String?
        var hasConnected = false
        /// While the server cannot be reached: the time at which reconnecting is given up.
        var outage: ContinuousClock.Instant?
        var standstill: PostgresError?
        /// Whether the session of a child process was ended because it blocked another session.
        var hasEndedChild = false
    }

    let side: Endpoint.Side
    /// Whether sessions that wait for a lock should end.
    let stop: StopRequest
    /// Receives a line about what is being waited for.
    let note: @Sendable (String) -> Void
    /// Sessions that wait for their next use.
    let idle = IdleSessions()
    private let state = Mutex(State())

    init(side: Endpoint.Side, stop: StopRequest, note: @escaping @Sendable (String) -> Void) {
        self.side = side
        self.stop = stop
        self.note = note
    }

    /// The beginning of the `application_name` of the run's sessions, including those of its child processes.
    ///
    /// No other session's name begins with it.
    package var name: String? {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }

    /// The error if the run waited for a session that itself waited for the run; nil if that did not happen.
    package var standstill: PostgresError? { state.withLock { $0.standstill } }

    /// Whether the session of a child process was ended so that another session could change a definition.
    package var hasEndedChild: Bool { state.withLock { $0.hasEndedChild } }

    /// Forgets the events of an earlier call or attempt.
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
            // Another session may have this process id by now.
            if state.sessions[session.pid] === session { state.sessions[session.pid] = nil }
        }
    }
}

/// One of our sessions, as another thread sees it.
final class WatchedSession: Sendable {
    private struct State {
        /// When the running statement began; nil between two statements.
        var statementSince: ContinuousClock.Instant?
        /// When the open transaction was first seen.
        var transactionSince: ContinuousClock.Instant?
        var ending: PostgresError?
        var endedAt: ContinuousClock.Instant?
    }

    /// How long after a cancel request the session itself is ended: the request may have come after the statement's end.
    private static let grace = Duration.seconds(1)

    let pid: Int
    /// Whether it ends as soon as another session waits for its locks.
    let givesWay: Bool
    private let handle: CancelHandle
    private let state = Mutex(State())
    private let holds = Atomic<Bool>(false)

    /// Whether it keeps its locks until other sessions have done their work.
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

    /// Whether it has been in one statement or one transaction for longer than `duration`.
    func isBusy(for duration: Duration) -> Bool {
        state.withLock { state in
            [state.statementSince, state.transactionSince].compactMap(\.self)
                .contains { $0.duration(to: .now) > duration }
        }
    }

    func isInStatement(for duration: Duration) -> Bool {
        state.withLock { $0.statementSince.map { $0.duration(to: .now) > duration } ?? false }
    }

    /// Cancels the running statement; a second call after the grace time ends the session itself.
    ///
    /// - Parameter reason: The error that the session's thread receives.
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

    /// Why we ended the statement that has just failed; nil if we did not.
    func takeEnding() -> PostgresError? {
        state.withLock { state in
            defer { (state.ending, state.endedAt) = (nil, nil) }
            return state.ending
        }
    }
}
