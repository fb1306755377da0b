import TestSupport
import Testing

@Suite struct `A server that is restarted` {
    @Test(.onceIn(2)) func `is waited for during the call, in every phase`() async throws {
        let outcome = try await Command.script("Tests/CommandLineTests/Scenarios/restart.sh")
        let ends = outcome.output.split(separator: "\n").filter { $0.contains("ended with") }
        #expect(outcome.code == 0 && ends.count == 14, "\(outcome.output)\(outcome.errors)")
        #expect(ends.allSatisfy { $0.hasSuffix("ended with 0") }, "\(outcome.output)\(outcome.errors)")
        #expect(!outcome.output.contains("DIFFERS"))
        for told in [
            "source cannot be reached; trying again until", "target cannot be reached; trying again until",
            "can be reached again", "beginning again", "a server that was never reached: at once, 1",
        ] {
            #expect(outcome.output.contains(told), "\(told): \(outcome.output)\(outcome.errors)")
        }
    }
}
