import CLibpq
import Dispatch
import Glibc
import Synchronization

/// Interrupts connections that are blocked in a statement, from another thread.
///
/// Interrupting is final: every statement begun afterwards on an attached connection fails as cancelled, so a late cancel
/// request cannot hit an unrelated statement.
package final class Interrupter: Sendable {
    private struct State {
        var isInterrupted = false
        var handles: [ObjectIdentifier: CancelHandle] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    /// Cancels the running statements and refuses later ones.
    ///
    /// Never blocks.
    ///
    /// After `grace`, the sockets of connections that are still open are shut down, which ends any blocked read or write
    /// at once.
    ///
    /// - Parameter grace: Seconds to wait before shutting sockets down.
    package func interrupt(grace: Double = 5) {
        let handles = state.withLock { state in
            state.isInterrupted = true
            return Array(state.handles.values)
        }
        guard !handles.isEmpty else { return }
        // PQcancel opens a separate connection and may block, so it does not run on the caller's thread.
        DispatchQueue.global().async { @Sendable in
            for handle in handles { handle.cancelStatement() }
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + grace) { @Sendable in
            for handle in handles { handle.shutDownSocket() }
        }
    }

    func attach(_ handle: CancelHandle) {
        state.withLock { $0.handles[ObjectIdentifier(handle)] = handle }
    }

    func detach(_ handle: CancelHandle) {
        state.withLock { $0.handles[ObjectIdentifier(handle)] = nil }
        handle.close()
    }
}

/// Cancels one connection's statement from another thread.
///
/// `@unchecked Sendable`: libpq documents `PGcancel` as usable from any thread, and it never changes after `init`;
/// the duplicated socket is guarded by the mutex.
final class CancelHandle: @unchecked Sendable {
    private let cancel: OpaquePointer?
    private let hasCancelled = Atomic<Bool>(false)
    /// A duplicate, so that its number never refers to a socket opened later; -1 once closed.
    private let socket: Mutex<Int32>

    init(_ connection: OpaquePointer) {
        cancel = PQgetCancel(connection)
        let descriptor = PQsocket(connection)
        socket = Mutex(descriptor >= 0 ? fcntl(descriptor, F_DUPFD_CLOEXEC, 0) : -1)
    }

    deinit {
        close()
        PQfreeCancel(cancel)
    }

    /// Whether a cancel request was sent, which may arrive while another statement runs; final once closed.
    var isUsed: Bool { hasCancelled.load(ordering: .sequentiallyConsistent) }

    func cancelStatement() {
        let isOpen = socket.withLock { descriptor in
            if descriptor >= 0 { hasCancelled.store(true, ordering: .sequentiallyConsistent) }
            return descriptor >= 0
        }
        guard let cancel, isOpen else { return }
        var message = [CChar](repeating: 0, count: 256)
        // If the cancel request is refused, the socket is shut down after the grace time.
        _ = PQcancel(cancel, &message, Int32(message.count))
    }

    func shutDownSocket() {
        socket.withLock { descriptor in
            if descriptor >= 0 { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    func close() {
        socket.withLock { descriptor in
            if descriptor >= 0 { _ = Glibc.close(descriptor) }
            descriptor = -1
        }
    }
}
