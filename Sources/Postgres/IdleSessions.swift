import CLibpq
import Synchronization

/// The sessions of one call with one server that wait for their next use.
///
/// Connecting takes several round trips, and a server process that has read the catalog once reads it faster. A session is
/// kept only while the call runs and only if nothing is open on it; the next user resets it.
final class IdleSessions: Sendable {
    private struct State {
        var isOpen = false
        var sessions: [IdleSession] = []
    }

    private let state = Mutex(State())

    /// Sessions may be kept from now on.
    func open() { state.withLock { $0.isOpen = true } }

    /// Ends all sessions; none is kept any more.
    func close() {
        state.withLock { $0.isOpen = false }
        endAll()
    }

    /// Ends all sessions.
    func endAll() {
        let sessions = state.withLock { state in
            defer { state.sessions = [] }
            return state.sessions
        }
        for session in sessions { PQfinish(session.pointer) }
    }

    /// Keeps a session.
    ///
    /// - Parameter session: The session; its former user must not use it any more.
    /// - Returns: Whether it is kept.
    func keep(_ session: IdleSession) -> Bool {
        state.withLock { state in
            if state.isOpen { state.sessions.append(session) }
            return state.isOpen
        }
    }

    /// Hands out the session that was used last.
    ///
    /// - Returns: A session whose user resets it and ends it; nil if none waits.
    func take() -> IdleSession? { state.withLock { $0.sessions.popLast() } }

    deinit { endAll() }
}

/// A session without a user.
///
/// `@unchecked Sendable`: libpq lets any thread use a connection as long as no two do so at the same time (PostgreSQL
/// manual 34.20), and whoever has this value is the only one who has the pointer.
struct IdleSession: @unchecked Sendable {
    let pointer: OpaquePointer
}
