import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// A connection pooler of its own in front of a server.
package enum PgBouncer {
    /// Whether it is installed.
    @Sendable package static func isInstalled() -> Bool { program != nil }

    private static var program: String? {
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].first { access($0, X_OK) == 0 }
    }

    /// Starts a pooler, and ends it after `body`.
    ///
    /// - Parameters:
    ///   - server: The server's port on this machine.
    ///   - mode: `session`, `transaction` or `statement`.
    ///   - size: How many sessions with a database it keeps.
    ///   - body: Receives the pooler's port.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    package static func with<Result: Sendable>(
        _ server: Int,
        mode: String,
        size: Int = 20,
        _ body: @escaping @Sendable (_ port: Int) async throws -> Result
    ) async throws -> Result {
        guard let program else { throw TestServers.Missing() }
        let folder = FileManager.default.temporaryDirectory.appending(path: "tidemark-pooler-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        chmod(folder, 0o777)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let port = try TestServers.freePort()
        let settings = """
            [databases]
            * = host=127.0.0.1 port=\(server) user=postgres
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            auth_type = any
            pool_mode = \(mode)
            default_pool_size = \(size)
            unix_socket_dir =
            """
        try Data(settings.utf8).write(to: URL(fileURLWithPath: "\(folder)/pgbouncer.ini"))
        // Like a server, it does not run as root.
        let arguments = getuid() == 0 ? ["--user=postgres", "\(folder)/pgbouncer.ini"] : ["\(folder)/pgbouncer.ini"]
        let result = try await Subprocess.run(
            .path(FilePath(program)),
            arguments: Arguments(arguments),
            input: .none,
            output: .discarded,
            error: .discarded
        ) { execution in
            defer { try? execution.send(signal: .kill) }
            try await TestServers.untilOpen(port)
            return try await body(port)
        }
        return result.closureResult
    }
}
