import TestSupport
import Testing

@Suite struct `A source that failed over` {
    @Test(.onceIn(2)) func `to a lagging standby is noticed, and no row of the lost history remains`() async throws {
        let outcome = try await Command.script("Tests/CommandLineTests/Scenarios/failover.sh")
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("cutover ended with 0"), "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("t is equal"))
        #expect(outcome.output.contains("u is equal"))
        #expect(outcome.output.contains("chunks with the source: no usable mark"), "\(outcome.output)")
    }
}
