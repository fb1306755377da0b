import Glibc
import Postgres
import TestSupport
import Testing

/// A client that stands still while another one takes its run over must not change anything afterwards.
@Suite(.serialized) struct `A client that stood still` {
    private static let options = ["--chunk-size", "64kB", "--whole-below", "24kB", "--jobs", "3", "--quiet"]

    private static func with(
        _ commands: [String],
        _ body: @escaping @Sendable (DatabasePair, Command) async throws -> Void
    ) async throws {
        try await DatabasePair.with(Lifecycle.schema) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            for name in commands {
                let outcome = try await command.run([name] + options, killAfter: nil)
                #expect(outcome.code == 0, "\(outcome.errors)")
                try await pair.source.run(Lifecycle.writes(1))
            }
            try await body(pair, command)
        }
    }

    /// SIGSTOP, and SIGCONT while a second operator is at work.
    @Test(arguments: Cases.some(1, of: [StatusPoint.chunkCopied, .objectBuilt]))
    func `goes on, because a second client was refused`(at point: StatusPoint) async throws {
        try await Self.with(["precopy"]) { pair, command in
            let first = try await command.run(["cutover"] + Self.options, pauseAt: point) {
                let second = try await command.run(["cutover"] + Self.options, killAfter: nil)
                #expect(second.code == 1 && second.errors.contains("another"), "\(second.errors)")
            }
            #expect(first.code == 0, "\(first.errors)\(first.output)")
            #expect(try await pair.differingTables() == [])
        }
    }

    /// The session that holds the run is lost, those that copy are not.
    @Test(
        arguments: Cases.some(
            1,
            of: [StatusPoint.chunkCopied, .afterCommit, .snapshotExported, .objectBuilt, .sequencesSet]
        )
    )
    func `is fenced once its run was taken over`(at point: StatusPoint) async throws {
        try await Self.with(["precopy"]) { pair, command in
            let first = try await command.run(["cutover"] + Self.options, pauseAt: point) {
                try await pair.target.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                let second = try await command.run(["cutover"] + Self.options, killAfter: .seconds(60))
                #expect(second.code == 0, "\(second.errors)\(second.output)")
                try await pair.source.run(Lifecycle.writes(2))
            }
            // It finds the run free again and takes it back, or finds out that it was taken over.
            #expect(first.code == 0 || first.errors.contains("taken over"), "\(first.errors)\(first.output)")
            let last = try await command.run(["cutover"] + Self.options, killAfter: nil)
            #expect(last.code == 0, "\(last.errors)\(last.output)")
            #expect(try await pair.differingTables() == [])
            #expect(try await pair.differingDefinitions() == [])
        }
    }
}
