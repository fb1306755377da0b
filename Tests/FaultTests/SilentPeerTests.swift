import Glibc
import TestSupport
import Testing

/// Whether this machine lets us make a network for servers; only root may.
@Sendable private func canMakeNetworks() async throws -> Bool {
    guard getuid() == 0, let made = try? await Command.program("ip", ["netns", "add", "tidemark-try"]) else {
        return false
    }
    _ = try? await Command.program("ip", ["netns", "del", "tidemark-try"])
    return made.code == 0
}

@Suite(.enabled("networks can be made", canMakeNetworks)) struct `A server that falls silent` {
    /// The server waits for nothing and says nothing: only keepalives show that it is gone.
    @Test func `is noticed within two minutes, and the call goes on when it is back`() async throws {
        let outcome = try await Command.script("Tests/FaultTests/Scenarios/silent-peer.sh")
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        for name in ["dumping", "copying", "building"] {
            #expect(
                outcome.output.contains("\(name): noticed within two minutes"),
                "\(outcome.output)\(outcome.errors)"
            )
            #expect(outcome.output.contains("\(name): ended with 0"), "\(outcome.output)\(outcome.errors)")
        }
    }
}
