import Glibc
import Synchronization

/// A relay in front of a server that fails once, in a way and at a place that a test chooses.
package final class FaultyProxy: Sendable {
    /// What happens, and where.
    package enum Fault: Sendable {
        /// The connection on which the server's byte with this number comes is closed before it; all connections count.
        case cut(beforeByte: Int)
        /// Like ``cut(beforeByte:)``, but all connections are reset.
        case resetAll(beforeByte: Int)
        /// The COMMIT with this number does not reach the server, and its connection is closed.
        case beforeCommit(Int)
        /// The COMMIT with this number reaches the server, its answer does not reach the client, and the connection is closed.
        case afterCommit(Int)
        /// Everything is forwarded in pieces of this many bytes, after a pause.
        case pieces(bytes: Int, microseconds: UInt32)
    }

    private final class Shared: Sendable {
        struct State {
            var serverBytes = 0
            var commits = 0
            var hasFired = false
            var ends: Set<Int32> = []
        }
        let fault: Fault?
        let state = Mutex(State())

        init(_ fault: Fault?) { self.fault = fault }
    }

    private let relay: Relay
    private let shared: Shared
    /// The port to connect to.
    package var port: UInt16 { relay.port }
    /// How many bytes have come from the server.
    package var serverBytes: Int { shared.state.withLock(\.serverBytes) }
    /// How many times a client has sent COMMIT.
    package var commits: Int { shared.state.withLock(\.commits) }
    /// Whether it has failed.
    package var hasFired: Bool { shared.state.withLock(\.hasFired) }

    /// - Parameters:
    ///   - server: The port of the server, on this machine.
    ///   - fault: What happens; nil: nothing.
    /// - Throws: ``PostgresError`` if no port can be opened.
    package init(to server: Int, _ fault: Fault? = nil) throws {
        let shared = Shared(fault)
        self.shared = shared
        relay = try Relay(to: UInt16(server)) { client, upstream in
            shared.state.withLock { $0.ends.formUnion([client, upstream]) }
            Self.forward(client, upstream, shared)
            shared.state.withLock { $0.ends.subtract([client, upstream]) }
        }
    }

    /// Ends the proxy; open connections stay.
    package func stop() { relay.stop() }

    private static let commit = Array("COMMIT".utf8) + [0]

    private static func forward(_ client: Int32, _ upstream: Int32, _ shared: Shared) {
        var buffer = [UInt8](repeating: 0, count: Relay.bufferBytes)
        while let isReadable = Relay.readable([client, upstream]) {
            if isReadable[0] {
                let count = read(client, &buffer, buffer.count)
                guard count > 0, passOn(buffer[..<count], of: client, to: upstream, shared) else { return }
            }
            if isReadable[1] {
                let count = read(upstream, &buffer, buffer.count)
                guard count > 0, answer(buffer[..<count], of: upstream, to: client, shared) else { return }
            }
        }
    }

    /// Forwards what a client has sent.
    ///
    /// - Returns: Whether the connection goes on.
    private static func passOn(_ bytes: ArraySlice<UInt8>, of client: Int32, to upstream: Int32, _ shared: Shared)
        -> Bool
    {
        guard bytes.firstRange(of: commit) != nil else { return write(bytes, to: upstream, shared) }
        let number = shared.state.withLock { state in
            state.commits += 1
            return state.commits
        }
        switch shared.fault {
        case .beforeCommit(number)?:
            shared.state.withLock { $0.hasFired = true }
            return false
        case .afterCommit(number)?:
            guard write(bytes, to: upstream, shared) else { return false }
            shared.state.withLock { $0.hasFired = true }
            // The server has committed when it says so; an answer of another kind means that it has rolled back.
            var buffer = [UInt8](repeating: 0, count: Relay.bufferBytes)
            _ = read(upstream, &buffer, buffer.count)
            return false
        default: return write(bytes, to: upstream, shared)
        }
    }

    /// Forwards what the server has sent.
    ///
    /// - Returns: Whether the connection goes on.
    private static func answer(_ bytes: ArraySlice<UInt8>, of upstream: Int32, to client: Int32, _ shared: Shared)
        -> Bool
    {
        let (before, place) = shared.state.withLock { state -> (Int, Int?) in
            let before = state.serverBytes
            state.serverBytes += bytes.count
            let place: Int? =
                switch shared.fault {
                case .cut(let place)?, .resetAll(let place)?: place
                default: nil
                }
            guard let place, before < place, place <= before + bytes.count else { return (before, nil) }
            state.hasFired = true
            return (before, place)
        }
        guard let place else { return write(bytes, to: client, shared) }
        _ = write(bytes.prefix(place - 1 - before), to: client, shared)
        if case .resetAll? = shared.fault {
            var reset = linger(l_onoff: 1, l_linger: 0)
            for end in shared.state.withLock(\.ends) {
                setsockopt(end, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
                shutdown(end, Int32(SHUT_RD))
            }
        }
        return false
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to end: Int32, _ shared: Shared) -> Bool {
        guard case .pieces(let size, let pause)? = shared.fault else { return Relay.writeAll(bytes, to: end) }
        var rest = bytes
        while !rest.isEmpty {
            usleep(pause)
            guard Relay.writeAll(rest.prefix(size), to: end) else { return false }
            rest = rest.dropFirst(size)
        }
        return true
    }
}
