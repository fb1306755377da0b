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

    @Test func `of a night hardly grow with the number of small tables`() async throws {
        let change: @Sendable (inout MigrationOptions) -> Void = { $0.plan.wholeBelowBytes = 8 << 20 }
        // What a pause adds by mistake is never too little, so the least of several counts is the best.
        var (few, many) = (Int.max, Int.max)
        for silence in Self.silences where many == Int.max || many - few >= 40 * 2 {
            few = min(few, try await trips(tables: 20, silence: silence, change))
            many = min(many, try await trips(tables: 60, silence: silence, change))
        }
        // The end of a table's COPY has to be awaited; everything else is done for many tables at once.
        #expect(many - few < 40 * 2)
    }

    @Test func `are few for each table with a delta`() async throws {
        let writes = "UPDATE t1 SET b = 'new' WHERE id % 9 = 0; UPDATE t2 SET b = 'new' WHERE id % 9 = 0"
        // One chunk each; its updated rows are deleted on the target and loaded again.
        var (none, some) = (Int.max, Int.max)
        for silence in Self.silences where some == Int.max || some - none >= 2 * 25 {
            none = min(none, try await trips(tables: 10, rows: 500, silence: silence) { _ in })
            some = min(some, try await trips(tables: 10, rows: 500, writes: writes, silence: silence) { _ in })
        }
        #expect(some - none < 2 * 25)
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
