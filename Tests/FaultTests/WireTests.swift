import FoundationEssentials
import Postgres
import TestSupport
import Testing
import Tidemark

/// Connections that break at a chosen byte, and COMMITs whose answer nobody sees.
@Suite struct `A connection that breaks` {
    private static let schema = """
        CREATE TABLE t (id bigserial PRIMARY KEY, u int UNIQUE, v text); CREATE INDEX ON t (v);
        INSERT INTO t (u, v) SELECT n, md5(n::text) FROM generate_series(1, 1500) n;
        CREATE TABLE k (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), t bigint REFERENCES t, v text);
        INSERT INTO k (t, v) SELECT n, md5(n::text) FROM generate_series(1, 1000) n;
        CREATE TABLE w (a int, v text); INSERT INTO w SELECT n, 'w' || n FROM generate_series(1, 50) n;
        CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER noted AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION noted();
        CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM t; SELECT lo_from_bytea(4711, 'before'); ANALYZE
        """

    private static let writes = """
        UPDATE t SET v = 'new' || id, u = u + 10000 WHERE id % 50 = 0; DELETE FROM k WHERE t % 40 = 1;
        INSERT INTO t (u, v) SELECT -n, 'more' FROM generate_series(1, 30) n; DELETE FROM w WHERE a % 10 = 3;
        INSERT INTO k (t, v) SELECT 1, 'more' FROM generate_series(1, 20) n; SELECT lo_put(4711, 0, 'after!')
        """

    /// What a migration came to.
    private struct Course {
        /// What passed through each side's proxy.
        var bytes: [Endpoint.Side: Int] = [:]
        var commits: [Endpoint.Side: Int] = [:]
        var hasFailed = false
        /// How many calls it took that did not end well.
        var failedCalls = 0
    }

    /// A migration whose connections with one side meet a fault.
    private static func migrate(_ side: Endpoint.Side? = nil, _ fault: FaultyProxy.Fault? = nil) async throws -> Course
    {
        var course = Course()
        try await DatabasePair.with(schema) { pair in
            let source = try FaultyProxy(to: TestServers.port(of: pair.source.conninfo), side == .source ? fault : nil)
            let target = try FaultyProxy(to: TestServers.port(of: pair.target.conninfo), side == .target ? fault : nil)
            defer { for proxy in [source, target] { proxy.stop() } }
            let migration = Migration(
                source: try Endpoint("\(pair.source.conninfo) port=\(source.port)", side: .source),
                target: try Endpoint("\(pair.target.conninfo) port=\(target.port)", side: .target),
                options: pair.migration(chunkBytes: 32 << 10).options
            )
            let place = "\(side?.rawValue ?? ""): \(fault.map { "\($0)" } ?? "")"
            func repeated(_ act: () async throws -> Void) async throws {
                for attempt in 1...3 {
                    do {
                        return try await act()
                    } catch let error as PostgresError where attempt < 3 {
                        // Only what another call mends may end a call.
                        #expect(source.hasFired || target.hasFired, "\(place): \(error)")
                        #expect(
                            error.isTransient || error.letsBeginAgain || error.code == .connectionFailed,
                            "\(place): \(error)"
                        )
                        print("A call failed, \(place): \(error)")
                        course.failedCalls += 1
                    }
                }
            }
            try await repeated {
                let report = try await migration.precopy()
                #expect(report.outcome == .done, "\(place): \(report.text)")
            }
            try await pair.source.run(writes)
            try await repeated {
                let report = try await migration.cutover()
                #expect(report.outcome == .done, "\(place): \(report.text)")
            }
            #expect(try await pair.differingTables() == [], "\(place)")
            #expect(try await pair.differingDefinitions() == [], "\(place)")
            let object = "SELECT convert_from(lo_get(4711), 'UTF8')"
            #expect(try await pair.target.value(object) == "after!", "\(place)")
            course.bytes = [.source: source.serverBytes, .target: target.serverBytes]
            course.commits = [.source: source.commits, .target: target.commits]
            course.hasFailed = source.hasFired || target.hasFired
        }
        return course
    }

    /// How many faults of each kind are tried; scripts/test-long asks for more.
    private static let count =
        ProcessInfo.processInfo.environment["TIDEMARK_WIRE_FAULTS"].flatMap { Int($0) } ?? 2

    /// Meets the fault at places spread over a course, and expects a good end.
    private static func sweep(
        _ side: Endpoint.Side,
        upTo last: Int,
        _ fault: (Int) -> FaultyProxy.Fault
    ) async throws {
        // Other places in each run; a failure names its place.
        var random = SplitMix(seed: .random(in: 0 ... .max))
        var (met, failedCalls) = (0, 0)
        let places =
            count >= last
            ? Array(1...last) : (0..<count).map { $0 * last / count + 1 + random.next(upTo: last / count) }
        for place in places {
            let course = try await migrate(side, fault(place))
            if course.hasFailed { met += 1 }
            failedCalls += course.failedCalls
        }
        // A call that is slower or faster than the first one sends more or fewer bytes, so the last places may not come.
        #expect(met > 0, "none of \(places.count) faults was met")
        print("Faults of the \(side.rawValue): \(met) met, \(fault(0)), \(failedCalls) calls failed")
    }

    @Test(arguments: Cases.some(1, of: [Endpoint.Side.target, .source]))
    func `before or after any COMMIT is resolved by the ledger`(of side: Endpoint.Side) async throws {
        let last = try await Self.migrate().commits[side] ?? 0
        try await Self.sweep(side, upTo: last) { .beforeCommit($0) }
        try await Self.sweep(side, upTo: last) { .afterCommit($0) }
    }

    @Test(arguments: Cases.some(1, of: [Endpoint.Side.target, .source]))
    func `at any byte, alone or with all others, loses nothing`(of side: Endpoint.Side) async throws {
        let last = try await Self.migrate().bytes[side] ?? 0
        try await Self.sweep(side, upTo: last) { .cut(beforeByte: $0) }
        try await Self.sweep(side, upTo: last) { .resetAll(beforeByte: $0) }
    }

    @Test(arguments: Cases.some(1, of: [Endpoint.Side.target, .source]))
    func `into small pieces is put together again`(of side: Endpoint.Side) async throws {
        _ = try await Self.migrate(side, .pieces(bytes: 997, microseconds: 200))
    }

    /// As far away as another country: what is sent without waiting must not come in another order.
    @Test(arguments: Cases.some(1, of: [Endpoint.Side.target, .source]))
    func `is far away only takes longer`(of side: Endpoint.Side) async throws {
        _ = try await Self.migrate(side, .pieces(bytes: 1 << 20, microseconds: 10_000))
    }
}
