import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Source and target are often far from each other: then the number of round trips decides how long a night takes.
@Suite(.serialized) struct `Round trips` {
    private static func schema(tables: Int, rows: Int) -> String {
        (1...tables).map { number in
            """
            CREATE TABLE t\(number) (id serial PRIMARY KEY, a int, b text);
            CREATE INDEX ON t\(number) (a);
            INSERT INTO t\(number) (a, b) SELECT n, md5(n::text) FROM generate_series(1, \(rows)) n;
            """
        }.joined(separator: "\n") + "\nANALYZE"
    }

    /// How long a client has to be silent for an answer to be passed on, in milliseconds: on a busy machine the relay sees pauses where
    /// there are none, which add to the count, so it is then tried again with more patience.
    private static let silences: [Int32] = [25, 75, 200]

    /// Runs a precopy, writes, and counts the round trips of the cutover, on both sides together.
    private func trips(
        tables: Int,
        rows: Int = 20,
        writes: String = "SELECT 1",
        silence: Int32,
        _ change: (inout MigrationOptions) -> Void
    ) async throws -> Int {
        var trips = 0
        try await DatabasePair.with(Self.schema(tables: tables, rows: rows)) { pair in
            try await pair.source.untilMarksTell()
            _ = try await pair.migration(change).precopy()
            try await pair.source.run(writes)
            let proxies = try await [pair.source, pair.target].asyncMap { side in
                let port = try await side.value("SELECT inet_server_port()")
                return try CountingProxy(to: try #require(UInt16(port)), silence: silence)
            }
            defer { for proxy in proxies { proxy.stop() } }
            let migration = Migration(
                source: try Endpoint("\(pair.source.conninfo) port=\(proxies[0].port)", side: .source),
                target: try Endpoint("\(pair.target.conninfo) port=\(proxies[1].port)", side: .target),
                options: pair.migration(change).options
            )
            let report = try await migration.cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            // These look again and again, as long as something takes.
            trips = proxies.reduce(0) { $0 + $1.trips(without: ["watch", "progress", "quiet", "counters", "control"]) }
        }
        return trips
    }

    /// What is measured.
    enum Measure: String, CaseIterable, Sendable {
        /// How many more a night needs for each small table.
        case smallTables
        /// How many more it needs for each table in which rows were updated.
        case deltas
    }

    /// Each takes a minute, so one run measures one of them.
    @Test(.onceIn(2), arguments: Cases.some(1, of: Measure.allCases))
    func `of a night hardly grow with the number of`(_ measure: Measure) async throws {
        // What a pause adds by mistake is never too little, so the least of several counts is the best.
        var (few, many) = (Int.max, Int.max)
        // The end of a small table's COPY has to be awaited; everything else is done for many tables at once. Of a table with a
        // delta, updated rows are deleted on the target and loaded again.
        let limit = measure == .smallTables ? 30 * 2 : 2 * 25
        for silence in Self.silences where many == Int.max || many - few >= limit {
            switch measure {
            case .smallTables:
                let change: @Sendable (inout MigrationOptions) -> Void = { $0.plan.wholeBelowBytes = 8 << 20 }
                few = min(few, try await trips(tables: 10, silence: silence, change))
                many = min(many, try await trips(tables: 40, silence: silence, change))
            case .deltas:
                let writes = "UPDATE t1 SET b = 'new' WHERE id % 9 = 0; UPDATE t2 SET b = 'new' WHERE id % 9 = 0"
                few = min(few, try await trips(tables: 10, rows: 500, silence: silence) { _ in })
                many = min(many, try await trips(tables: 10, rows: 500, writes: writes, silence: silence) { _ in })
            }
        }
        #expect(many - few < limit)
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
