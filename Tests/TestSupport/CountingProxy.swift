import Glibc
import Postgres
import Synchronization

/// A relay in front of a server that counts round trips: how often a client has sent something after an answer.
package final class CountingProxy: Sendable {
    private static let bufferBytes = 1 << 16
    /// An answer is passed on once the client has been silent for so long.
    private static let silenceMilliseconds: Int32 = 25

    private let listener: Int32
    private let server: UInt16
    /// Round trips by the name that the client gave itself.
    private let state = Mutex<[String: Int]>([:])
    /// The port to connect to.
    package let port: UInt16

    /// - Parameter server: The port of the server, on this machine.
    /// - Throws: ``PostgresError`` if no port can be opened.
    package init(to server: UInt16) throws {
        self.server = server
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in.loopback(port: 0)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(listener, 200) == 0
            }
        }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isNamed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) == 0 }
        }
        guard isBound, isNamed else { throw PostgresError(.connectionFailed, "the proxy cannot listen") }
        port = UInt16(bigEndian: address.sin_port)
        Self.detach { [self] in accept() }
    }

    /// Round trips so far, without those of some clients.
    ///
    /// - Parameter names: Parts of the clients' names (`application_name`).
    /// - Returns: The number.
    package func trips(without names: [String]) -> Int {
        state.withLock(\.self).filter { entry in !names.contains { entry.key.contains($0) } }.values.reduce(0, +)
    }

    /// Ends the proxy; open connections stay.
    package func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            Self.detach { [self] in relay(client) }
        }
        close(listener)
    }

    private func relay(_ client: Int32) {
        let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { for end in [client, upstream] { close(end) } }
        var address = sockaddr_in.loopback(port: server)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(upstream, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return }
        var buffer = [UInt8](repeating: 0, count: Self.bufferBytes)
        var wasAnswered = true
        var name = ""
        while true {
            var ends = [client, upstream].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&ends, 2, -1) > 0 else { return }
            // What the client sends without waiting for an answer belongs to the same round trip.
            if ends[0].revents == 0, poll(&ends, 1, Self.silenceMilliseconds) > 0 { ends[1].revents = 0 }
            for (from, to) in [(0, 1), (1, 0)] where ends[from].revents != 0 {
                let count = read(ends[from].fd, &buffer, buffer.count)
                guard count > 0, Self.writeAll(buffer[..<count], to: ends[to].fd) else { return }
                if from == 0, let found = Self.name(in: buffer[..<count]) { name = found }
                if from == 0, wasAnswered { state.withLock { $0[name, default: 0] += 1 } }
                wasAnswered = from == 1
            }
        }
    }

    /// The client's name in a startup packet, or the one that a session kept for its next user gets; nil elsewhere.
    private static func name(in bytes: ArraySlice<UInt8>) -> String? {
        let places: [(before: [UInt8], after: UInt8)] = [
            (Array("application_name".utf8) + [0], 0),
            (Array("set_config('application_name', '".utf8), UInt8(ascii: "'")),
        ]
        for (before, after) in places {
            if let start = bytes.firstRange(of: before)?.upperBound, let end = bytes[start...].firstIndex(of: after) {
                return String(decoding: bytes[start..<end], as: UTF8.self)
            }
        }
        return nil
    }

    private static func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return true
    }

    private static func detach(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body))
        pthread_create(
            &thread,
            nil,
            { pointer in
                if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
                return nil
            },
            box.toOpaque()
        )
        pthread_detach(thread)
    }
}
