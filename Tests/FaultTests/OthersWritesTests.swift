import Postgres
import TestSupport
import Testing

/// Somebody writes on the target after a cutover has looked for that.
@Suite(.serialized) struct `A target that is written during a cutover` {
    private static let options = ["--chunk-size", "64kB", "--whole-below", "8kB", "--jobs", "2", "--quiet"]

    @Test(.onceIn(2), arguments: Cases.some(1, of: [StatusPoint.snapshotExported, .chunkCopied]))
    func `keeps what was written`(at point: StatusPoint) async throws {
        try await DatabasePair.with(Lifecycle.schema) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            for name in ["precopy", "cutover"] {
                let outcome = try await command.run([name] + Self.options, killAfter: nil)
                #expect(outcome.code == 0, "\(outcome.errors)")
            }
            try await pair.source.run(
                "DELETE FROM parts WHERE id % 7 = 3; UPDATE events SET kind = 'late' WHERE id = 5"
            )
            let outcome = try await command.run(["cutover"] + Self.options, pauseAt: point) {
                try await pair.target.run("INSERT INTO parts VALUES (777777, '2026-01-05', 'theirs')")
            }
            // Refused where the row would have to go; otherwise it is there, and both sides differ.
            #expect(
                outcome.code == 2
                    || outcome.code == 1 && outcome.errors.contains("others have written 1 rows of public.parts"),
                "\(outcome.code) \(outcome.errors)"
            )
            if point == .snapshotExported { #expect(outcome.code == 1) }
            let theirs = "SELECT count(*) FROM parts WHERE v = 'theirs'"
            #expect(try await pair.target.value(theirs) == "1")
            // Neither does the next call.
            let next = try await command.run(["cutover"] + Self.options, killAfter: nil)
            #expect([1, 2].contains(next.code), "\(next.code) \(next.errors)")
            #expect(try await pair.target.value(theirs) == "1")
        }
    }
}
