import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A clean run` {
    @Test(arguments: Cases.some(3, of: UInt64(1)...50))
    func `ends without a false alarm`(_ seed: UInt64) async throws {
        let schema = RandomSchema(seed: seed)
        try await DatabasePair.with(schema.sql) { pair in
            try await pair.source.run("ANALYZE")
            let precopy = try await pair.migration().precopy()
            #expect(precopy.outcome == .done && !precopy.text.contains("session writes"), "\(precopy.text)")
            if !schema.changes.isEmpty { try await pair.source.run(schema.changes) }
            let cutover = try await pair.migration().cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)\n\(schema.sql)")
            #expect(cutover.verification?.findings == [])
            let full = try await pair.migration {
                $0.verifiesInFull = true
                $0.triesInserts = true
            }.verify()
            #expect(full.outcome == .done && full.verification?.findings == [], "\(full.text)\n\(schema.sql)")
        }
    }
}
