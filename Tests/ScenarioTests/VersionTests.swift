import Planning
import TestSupport
import Testing
import Tidemark

@Suite struct `An older target` {
    @Test func `is refused with the reason, and nothing is written`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let (source, target) = (try await pair.source.majorVersion(), try await pair.target.majorVersion())
            // Only scripts/test-versions runs with such a pair.
            guard source > target else { return }
            let error = try #require(await #expect(throws: PlanError.self) { try await pair.migration().precopy() })
            #expect(error.description.contains("newer than the target's"))
            #expect(error.description.contains("only move to the same or a newer major version"))
            #expect(try await pair.target.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'tidemark'") == "0")
        }
    }
}
