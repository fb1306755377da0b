import TestSupport
import Testing

/// The lines of the pages, run as they stand there.
@Suite struct `A runbook` {
    @Test(arguments: [
        ("README.md", "A first migration"), ("docs/OPERATIONS.md", "From Heroku to Amazon RDS or Aurora"),
        ("docs/OPERATIONS.md", "From your own servers to a cloud, across major versions"),
        ("docs/OPERATIONS.md", "By an object store, where the servers cannot meet"),
        ("docs/OPERATIONS.md", "Turning back"),
    ])
    func `leads to a proven target with ordinary roles`(page: String, heading: String) async throws {
        let outcome = try await Command.script("Tests/CommandLineTests/Scenarios/runbook.sh", page, heading)
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("both sides are equal"), "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("5 constraints"), "\(outcome.output)\(outcome.errors)")
    }
}
