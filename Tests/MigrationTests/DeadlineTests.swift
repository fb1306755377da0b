import Foundation
import Report
import Synchronization
import TestSupport
import Testing
import Tidemark

@Suite struct `A cutover with a deadline` {
    private static let schema = """
        CREATE TABLE customer (id int PRIMARY KEY); INSERT INTO customer SELECT generate_series(1, 50);
        CREATE TABLE t (id int PRIMARY KEY, customer_id int REFERENCES customer, v text);
        INSERT INTO t SELECT n, 1 + n % 50, n FROM generate_series(1, 500) n
        """

    private static func cutover(
        _ pair: DatabasePair,
        _ deadline: Date,
        _ observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) async throws -> RunReport {
        let migration = pair.migration { $0.deadline = deadline }
        let observed = Migration(
            source: migration.source,
            target: migration.target,
            options: migration.options,
            observer: observer
        )
        return try await observed.cutover()
    }

    @Test func `does not begin if it cannot end in time, and says GO if it can`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let precopy = try await pair.migration().precopy()
            #expect(precopy.forecast != nil && precopy.text.contains("Forecast of the night: "))
            let notes = Mutex<[String]>([])
            let late = try await Self.cutover(pair, .now.addingTimeInterval(0.001))
            #expect(late.outcome == .stopped, "\(late.text)")
            #expect(late.warnings.contains { $0.contains("NO-GO") }, "\(late.text)")
            #expect(late.text.contains("NEXT: Turn back for tonight"), "\(late.text)")
            #expect(!late.phases.map(\.name).contains(RunPhase.deltaAndWholeTables.rawValue))
            let done = try await Self.cutover(pair, .now.addingTimeInterval(3600)) {
                if case .note(let text) = $0 { notes.withLock { $0.append(text) } }
            }
            #expect(done.outcome == .done, "\(done.text)")
            #expect(notes.withLock { $0.contains { $0.hasPrefix("GO: the rest takes ") } })
            #expect(done.forecast == nil)
        }
    }

    @Test(.onceIn(2)) func `stops before anything is built if the time has run out meanwhile`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            let rehearsed = try await pair.migration().rehearse()
            #expect(rehearsed.forecast?.basis.contains("rehearsal") == true)
            try await pair.source.run("INSERT INTO t VALUES (999, 1, 'new')")
            let late = try await Self.cutover(pair, .now.addingTimeInterval(8)) {
                // As if the delta had taken too long.
                if case .phaseBegan(.sequences) = $0 { Thread.sleep(forTimeInterval: 9) }
            }
            #expect(late.outcome == .stopped && late.warnings.contains { $0.contains("NO-GO") }, "\(late.text)")
            #expect(!late.phases.map(\.name).contains(RunPhase.keysAndIndexes.rawValue), "\(late.text)")
            #expect(try await Self.cutover(pair, .now.addingTimeInterval(3600)).outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }
}
