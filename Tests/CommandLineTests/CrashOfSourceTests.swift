import TestSupport
import Testing

@Suite(.enabled("PostgreSQL 15 and newer", TestServers.areBothSince15)) struct `A source that crashes` {
    /// A crash sets all counters to zero; they must not be believed even if they reach the same numbers again.
    @Test(.onceIn(2)) func `makes a cutover by counters read the rows`() async throws {
        let outcome = try await Command.script("Tests/CommandLineTests/Scenarios/crash-of-source.sh")
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        #expect(
            outcome.output == """
                undisturbed: ended with 0, rows are the same, all ranges not read
                restarted: ended with 0, rows are the same, all ranges not read
                crashed: ended with 0, rows are the same, 0 ranges not read
                killed: ended with 0, rows are the same, 0 ranges not read

                """,
            "\(outcome.errors)"
        )
    }
}
