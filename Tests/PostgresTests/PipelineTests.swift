import Postgres
import TestSupport
import Testing

@Suite struct `Statements that share a round trip` {
    private struct Stop: Error {}

    @Test func `stay in their transaction, and end with the one that is refused`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { confined in
                try await confined.run { connection in
                    // BEGIN waits for the first statement, also if there is nothing to send before it.
                    #expect(throws: Stop.self) {
                        try connection.transaction(.readWrite) {
                            _ = try connection.pipeline([])
                            try connection.execute("INSERT INTO public.t VALUES (1)")
                            throw Stop()
                        }
                    }
                    let outcomes = try connection.pipeline([
                        ["INSERT INTO public.t VALUES (2)", "INSERT INTO public.t VALUES (2)"],
                        ["INSERT INTO public.t VALUES (3)"],
                    ])
                    guard case .refused(let error, 1) = outcomes[0], case .done(let answers) = outcomes[1] else {
                        Issue.record("\(outcomes)")
                        return
                    }
                    #expect(error.sqlState == "23505")
                    #expect(answers.map(\.count) == [1])
                }
            }
            #expect(try await pair.source.column("SELECT id FROM t ORDER BY 1") == ["3"])
        }
    }
}
