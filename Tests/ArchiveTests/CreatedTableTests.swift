import Planning
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `A dump at whose beginning tables are created` {
    /// A table that pg_dump saw and the catalog did not would be restored without its rows.
    @Test func `is refused, and the next one has them`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)"
        ) { pair in
            try await TestArchive.with(pair) { test in
                let late = DatabaseArchive(test.path) {
                    guard case .phaseBegan(.definitions) = $0 else { return }
                    _ = pair.source.runAtOnce(
                        "CREATE TABLE public.late (v text); INSERT INTO public.late VALUES ('x')"
                    )
                }
                let error = await #expect(throws: PlanError.self) { try await late.dump(from: pair.source.endpoint) }
                #expect(error?.message.contains("public.late was created") == true, "\(error.map { "\($0)" } ?? "")")
                // The same command again has it.
                _ = try await test.archive().dump(from: pair.source.endpoint)
                let report = try await test.archive().restore(to: pair.target.endpoint)
                #expect(report.outcome == .done, "\(report.text)")
                #expect(try await pair.differingTables() == [])
            }
        }
    }
}
