import TestSupport
import Testing

@Suite(.enabled("networks can be made", TestNetwork.canBeMade)) struct `Worker processes on machines of their own` {
    @Test(.onceIn(2)) func `are not missed when one is cut off and one is killed`() async throws {
        let outcome = try await Command.script("Tests/FaultTests/Scenarios/workers.sh")
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        for told in [
            "precopy: ended with 0", "what the others had claimed was free within two minutes", "first: ended with 0",
            " chunks, 0 of them after it was cut off", "the report counts all rows", "cutover: ended with 0",
            "third: ended with 0", "both sides are equal", "took part in the cutover: third",
        ] {
            #expect(outcome.output.contains(told), "\(told): \(outcome.output)\(outcome.errors)")
        }
    }
}
