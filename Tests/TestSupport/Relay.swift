import Glibc
import Postgres

/// Listens on a port of its own and connects each client with a server on this machine.
final class Relay: Sendable {
    static let bufferBytes = 1 << 16

    private let listener: Int32
    private let server: UInt16
    private let serve: @Sendable (_ client: Int32, _ upstream: Int32) -> Void
    /// The port to connect to.
    let port: UInt16

    /// - Parameters:
    ///   - server: The server's port.
    ///   - serve: Forwards between a client and the server, on a thread of its own; both are closed when it returns.
    /// - Throws: ``PostgresError`` if no port can be opened.
    init(to server: UInt16, _ serve: @escaping @Sendable (_ client: Int32, _ upstream: Int32) -> Void) throws {
        self.server = server
        self.serve = serve
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

    /// Accepts no more clients; open connections stay.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            Self.detach { [self] in connect(client) }
        }
        close(listener)
    }

    private func connect(_ client: Int32) {
        let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { for end in [client, upstream] { close(end) } }
        var address = sockaddr_in.loopback(port: server)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(upstream, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isConnected { serve(client, upstream) }
    }

    /// Waits until one of two ends can be read.
    ///
    /// - Returns: Which of them can; nil if waiting failed.
    static func readable(_ ends: [Int32], milliseconds: Int32 = -1) -> [Bool]? {
        var polled = ends.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&polled, nfds_t(polled.count), milliseconds) >= 0 else { return nil }
        return polled.map { $0.revents != 0 }
    }

    static func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
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
