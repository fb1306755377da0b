import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Since PostgreSQL 17, json_value is a keyword, which servers quote as a name; older servers do not.
@Suite struct `A database named by keywords of other versions` {
    @Test(.onceIn(2)) func `arrives unchanged, and nothing needs repair`() async throws {
        try await DatabasePair.with { pair in
            let keywords = try await Keywords(of: pair)
            try await keywords.makeRoles(pair)
            try await pair.source.run(keywords.script)
            let first = try await pair.migration().precopy()
            #expect(first.outcome == .done, "\(first.text)")
            let cutover = try await pair.migration().cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(cutover.verification?.findings.filter { $0.severity != .note } == [])
            let verify = try await pair.migration { $0.verifiesInFull = true }.verify()
            #expect(verify.outcome == .done, "\(verify.text)")
            let (statements, refused) = try await pair.migration().rebuildStatements(concurrently: false)
            #expect(statements == [] && refused == [])
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `contains only words that are quoted for all servers`() async throws {
        try await DatabasePair.with { pair in
            // Words that one server accepts as a name without quotes, and the other does not.
            let query = "SELECT word FROM pg_get_keywords() WHERE catcode::text <> 'U'"
            let (ours, theirs) = (Set(try await pair.source.column(query)), Set(try await pair.target.column(query)))
            #expect(ours.symmetricDifference(theirs).subtracting(ServerText.wordsQuotedBySome) == [])
        }
    }
}
