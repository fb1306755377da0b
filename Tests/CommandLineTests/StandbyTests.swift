import TestSupport
import Testing

@Suite struct `A standby as the source` {
    @Test(.onceIn(2)) func `loses no transaction in flight on its primary, and does not count as a proof`() async throws
    {
        let outcome = try await Command.script("Tests/CommandLineTests/Scenarios/standby.sh")
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("cutover ended with 3"), "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("the source is a standby"))
        #expect(outcome.output.contains("verification with the primary ended with 0"), "\(outcome.output)")
        #expect(outcome.output.contains("t is equal"))
        #expect(outcome.output.contains("the next INSERT works"))
    }

    @Test(.onceIn(2)) func `that does not keep up makes a precopy wait if that was asked for`() async throws {
        let outcome = try await Command.script("Tests/CommandLineTests/Scenarios/replica.sh")
        #expect(outcome.code == 0, "\(outcome.errors)")
        for expected in [
            /servers are busy: replica walreceiver is [1-9].* behind \(limit: 1.0 s\)/, /primary ended with 0/,
            /servers are busy: the source itself is [1-9].* behind/, /standby ended with 0/,
        ] { #expect(outcome.output.contains(expected), "\(outcome.output)\(outcome.errors)") }
    }
}
