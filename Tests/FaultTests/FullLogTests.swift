import Glibc
import TestSupport
import Testing

/// Whether this machine lets us mount a small file system; only root may.
@Sendable private func canMount() async throws -> Bool {
    guard getuid() == 0 else { return false }
    let tried = try? await Command.program(
        "unshare",
        ["--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    )
    return tried?.code == 0
}

@Suite(.enabled("file systems can be mounted", canMount)) struct `A target without room for its write-ahead log` {
    /// The server ends itself (PANIC); a crash loses nothing that the ledger says.
    @Test(.onceIn(2)) func `ends the call with an error, and the next one goes on`() async throws {
        let outcome = try await Command.script("Tests/FaultTests/Scenarios/full-log.sh")
        let lines = outcome.output.split(separator: "\n")
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        #expect(lines.first == "precopy ended with 1", "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("No space left on device"), "\(outcome.output)\(outcome.errors)")
        #expect(
            lines.suffix(2) == ["precopy ended with 0", "cutover ended with 0"],
            "\(outcome.output)\(outcome.errors)"
        )
    }
}
