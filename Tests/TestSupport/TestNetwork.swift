import Glibc

/// Networks of a test's own.
package enum TestNetwork {
    /// Whether this machine lets us make a network for servers; only root may.
    @Sendable package static func canBeMade() async throws -> Bool {
        let name = "tidemark-try-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        guard getuid() == 0, let made = try? await Command.program("ip", ["netns", "add", name]) else { return false }
        _ = try? await Command.program("ip", ["netns", "del", name])
        return made.code == 0
    }
}
