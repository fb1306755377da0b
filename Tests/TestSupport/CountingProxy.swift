import Glibc
import Postgres
import Synchronization

/// A relay in front of a server that counts round trips: how often a client has sent something after an answer.
package final class CountingProxy: Sendable {
    /// Round trips by the name that the client gave itself.
    private final class Trips: Sendable {
        let count = Mutex<[String: Int]>([:])
    }

    private let relay: Relay
    private let counted = Trips()
    /// The port to connect to.
    package var port: UInt16 { relay.port }

    /// - Parameters:
    ///   - server: The port of the server, on this machine.
    ///   - milliseconds: An answer is passed on once the client has been silent for so long.
    /// - Throws: ``PostgresError`` if no port can be opened.
    package init(to server: UInt16, silence milliseconds: Int32 = 25) throws {
        let counted = counted
        relay = try Relay(to: server) { Self.forward($0, $1, counted, milliseconds) }
    }

    /// Round trips so far, without those of some clients.
    ///
    /// - Parameter names: Parts of the clients' names (`application_name`).
    /// - Returns: The number.
    package func trips(without names: [String]) -> Int {
        counted.count.withLock(\.self).filter { entry in !names.contains { entry.key.contains($0) } }.values.reduce(
            0,
            +
        )
    }

    /// Ends the proxy; open connections stay.
    package func stop() { relay.stop() }

    private static func forward(_ client: Int32, _ upstream: Int32, _ trips: Trips, _ silence: Int32) {
        let ends = [client, upstream]
        var buffer = [UInt8](repeating: 0, count: Relay.bufferBytes)
        var wasAnswered = true
        var name = ""
        while true {
            guard var isReadable = Relay.readable(ends) else { return }
            // What the client sends without waiting for an answer belongs to the same round trip.
            if !isReadable[0], Relay.readable([client], milliseconds: silence) == [true] {
                isReadable = [true, false]
            }
            for (from, to) in [(0, 1), (1, 0)] where isReadable[from] {
                let count = read(ends[from], &buffer, buffer.count)
                guard count > 0, Relay.writeAll(buffer[..<count], to: ends[to]) else { return }
                if from == 0, let found = Self.name(in: buffer[..<count]) { name = found }
                if from == 0, wasAnswered { trips.count.withLock { $0[name, default: 0] += 1 } }
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
}
