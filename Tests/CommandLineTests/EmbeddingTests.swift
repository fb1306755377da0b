import TestSupport
import Testing

@Suite struct `The example of a program that embeds the library` {
    @Test func `migrates a database and says so`() async throws {
        let schema =
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 1000) n"
        try await DatabasePair.with(schema) { pair in
            let outcome = try await Command.program(
                Command.built("Embedding"),
                [pair.source.conninfo, pair.target.conninfo]
            )
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("cutover: done"), "\(outcome.output)")
            #expect(try await pair.differingTables() == [])
        }
    }
}
