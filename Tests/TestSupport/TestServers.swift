import FoundationEssentials
import Glibc
import Postgres

/// The two servers that `scripts/with-postgres` has started.
package enum TestServers {
    /// Without servers, every test that needs them fails: a suite that tests nothing must not pass.
    package struct Missing: Error, CustomStringConvertible {
        package let description = "no servers: run the tests by scripts/test, or scripts/with-postgres swift test"
    }

    package static func source(database: String) throws -> String { try conninfo("TIDEMARK_TEST_SOURCE", database) }
    package static func target(database: String) throws -> String { try conninfo("TIDEMARK_TEST_TARGET", database) }

    /// Whether both servers keep their counters in shared memory (PostgreSQL 15 and newer).
    @Sendable package static func areBothSince15() async throws -> Bool {
        let source = try TestDatabase(source(database: "postgres"), side: .source)
        let target = try TestDatabase(target(database: "postgres"), side: .target)
        let majors = (try await source.majorVersion(), try await target.majorVersion())
        return majors.0 >= 15 && majors.1 >= 15
    }

    /// The port in a connection string of this kind.
    package static func port(of conninfo: String) throws -> Int {
        guard let port = conninfo.split(separator: " ").last(where: { $0.hasPrefix("port=") })?.dropFirst(5),
            let number = Int(port)
        else {
            throw Missing()
        }
        return number
    }

    /// A port of this machine that nothing listens on.
    package static func freePort() throws -> Int {
        // Below the range of outgoing connections.
        for _ in 0..<100 {
            let port = Int.random(in: 10_000..<30_000)
            if !isOpen(port) { return port }
        }
        throw Missing()
    }

    /// Waits until something listens on a port.
    package static func untilOpen(_ port: Int) async throws {
        for _ in 0..<500 {
            if isOpen(port) { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw PostgresError(.connectionFailed, "nothing listens on port \(port)")
    }

    private static func isOpen(_ port: Int) -> Bool {
        let end = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(end) }
        var address = sockaddr_in.loopback(port: UInt16(port))
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(end, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func conninfo(_ variable: String, _ database: String) throws -> String {
        guard let server = ProcessInfo.processInfo.environment[variable] else { throw Missing() }
        return "\(server) dbname=\(database)"
    }
}

extension sockaddr_in {
    /// An address of the loopback interface.
    static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
