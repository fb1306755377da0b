import TestSupport
import Testing

@Suite(.enabled("networks can be made", TestNetwork.canBeMade)) struct `A server that falls silent` {
    /// The server waits for nothing and says nothing: only keepalives show that it is gone.
    @Test(.onceIn(2)) func `is noticed within two minutes, and the call goes on when it is back`() async throws {
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
