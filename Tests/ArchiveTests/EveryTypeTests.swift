import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `Every type that a column can have, archived,` {
    @Test func `is dumped, checked, restored and proven`() async throws {
        try await DatabasePair.with(EveryType.script) { pair in
            try await TestArchive.with(pair) { test in
                let archive = test.archive()
                #expect(try await archive.dump(from: pair.source.endpoint).outcome == .done)
                let base = try await pair.source.contents()
                try await pair.source.run(EveryType.writes)
                let second = try await archive.dump(from: pair.source.endpoint)
                #expect(second.outcome == .done, "\(second.text)")
                let delta = try await pair.source.contents()
                try await archive.check()
                for (generation, wanted) in [base, delta].enumerated() {
                    try await test.withEmptyTarget("at_\(generation)") { target in
                        let report = try await archive.restore(to: target.endpoint, until: generation)
                        #expect(report.outcome == .done, "\(report.text)")
                        #expect(try await target.contents() == wanted)
                    }
                }
            }
        }
    }
}
