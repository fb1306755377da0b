import Report
import TestSupport
import Testing
import Tidemark

/// What a program that embeds the library sees of a run.
@Suite struct `The events of a run` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' FROM generate_series(1, 500) n
        """

    @Test func `end with the run, and add up to its report`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            for call in [{ try await $0.precopy() }, { try await $0.cutover() }]
                as [@Sendable (Migration) async throws -> RunReport]
            {
                let run = pair.migration().start(call)
                var events: [RunEvent] = []
                for await event in run.events { events.append(event) }
                let report = try await run.report
                guard case .ended(let last)? = events.popLast() else {
                    Issue.record("no event says the end")
                    return
                }
                #expect(try last.json() == report.json())
                let sum = events.reduce(into: last) { $0.apply($1) }
                #expect(sum.phases.count == 2 * report.phases.count && !report.phases.isEmpty)
                #expect(sum.transfer.objects == 2 * report.transfer.objects)
                let begun = events.compactMap { if case .phaseBegan(let phase) = $0 { phase.rawValue } else { nil } }
                #expect(report.phases.map(\.name).allSatisfy { $0 == "preparation" || begun.contains($0) })
                #expect(report.outcome == .done, "\(report.text)")
            }
        }
    }

    @Test func `end with the report of a run that failed`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run("CREATE TABLE t (id int)")
            let run = pair.migration().start { try await $0.precopy() }
            var last: RunEvent?
            for await event in run.events { last = event }
            guard case .ended(let report)? = last else {
                Issue.record("no event says the end")
                return
            }
            #expect(report.outcome == .failed && report.failure != nil)
            await #expect(throws: (any Error).self) { try await run.report }
        }
    }

    @Test func `end with a run that is cancelled`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let run = pair.migration().start { try await $0.precopy() }
            run.cancel()
            for await _ in run.events {}
            let outcome = try? await run.report.outcome
            #expect(outcome == nil || outcome == .stopped || outcome == .done)
        }
    }
}
