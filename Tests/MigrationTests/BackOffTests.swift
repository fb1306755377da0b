import Planning
import Postgres
import Report
import Synchronization
import TestSupport
import Testing
import Tidemark

/// A precopy pauses while the servers are busy.
@Suite struct `A busy server` {
    private static let schema = """
        CREATE TABLE knob (slow boolean); INSERT INTO knob VALUES (true);
        CREATE FUNCTION probe() RETURNS void LANGUAGE plpgsql AS
            'BEGIN IF (SELECT slow FROM knob) THEN PERFORM pg_sleep(0.4); END IF; END';
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('v', 500) FROM generate_series(1, 5000) n;
        ANALYZE
        """

    /// Runs a precopy that finds the server busy; then it is not busy any longer.
    private static func run(
        _ pair: DatabasePair,
        _ reason: String,
        endsByItself: Bool = true,
        _ limit: @escaping (inout BackOff) -> Void,
        _ relief: () async throws -> Void
    ) async throws {
        let (notes, stop) = (Notes(), StopRequest())
        let options = pair.migration {
            limit(&$0.backOff)
            $0.maxRate = 512 << 10
        }.options
        let migration = Migration(
            source: pair.source.endpoint,
            target: pair.target.endpoint,
            options: options,
            stop: stop,
            observer: notes.take
        )
        let precopy = Task { try await migration.precopy() }
        for _ in 0..<600 where !notes.all.contains(where: { $0.contains("waiting because the servers are busy") }) {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(notes.all.contains { $0.contains(reason) }, "\(notes.all)")
        // Nothing is copied meanwhile, or proven.
        try await Task.sleep(for: .milliseconds(1500))
        let done = "SELECT count(*) FROM tidemark.event WHERE kind IN ('base', 'delta')"
        let before = try await pair.target.value(done)
        try await Task.sleep(for: .milliseconds(1500))
        #expect(try await pair.target.value(done) == before)
        try await relief()
        // One that stays paused is stopped, which is not done.
        let patience = Task {
            try await Task.sleep(for: .seconds(40))
            stop.request()
        }
        let report = try await precopy.value
        patience.cancel()
        #expect(report.outcome == .done, "\(report.text)")
        #expect(try await pair.target.value("SELECT count(*) FROM t") == "5000")
        guard endsByItself else { return }
        #expect(notes.all.contains { $0.contains("going on after") }, "\(notes.all)")
        let trail = try await pair.target.column(
            "SELECT kind || ' ' || (milliseconds IS NOT NULL) FROM tidemark.event WHERE kind IN ('backed off', 'went on') ORDER BY 1"
        )
        #expect(trail.contains("backed off false") && trail.contains("went on true"), "\(trail)")
        #expect(try await pair.target.value("SELECT count(*) FROM t") == "5000")
    }

    @Test(.onceIn(2)) func `is recognised by a query that takes too long`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.run(pair, "the probe query took 4") { limits in
                limits.probe = "SELECT probe()"
                limits.longestProbe = .milliseconds(200)
            } _: {
                try await pair.source.run("UPDATE knob SET slow = false")
            }
        }
    }

    @Test(.onceIn(2)) func `is recognised by its active sessions`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...20 {
                    group.addTask {
                        while !isOver.isRaised { try await pair.source.run("SELECT pg_sleep(0.5)") }
                    }
                }
                try await Self.run(pair, "sessions are active (limit: 15)") {
                    $0.mostActiveSessions = 15
                } _: {
                    isOver.raise()
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(.onceIn(2)) func `does not stay one because the watch was cut off meanwhile`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await Self.run(pair, "the probe query took 4", endsByItself: false) { limits in
                limits.probe = "SELECT probe()"
                limits.longestProbe = .milliseconds(200)
            } _: {
                try await pair.source.run("UPDATE knob SET slow = false")
                try await pair.source.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '% load'"
                )
            }
        }
    }

    @Test func `whose load cannot be read does not stop the work`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let notes = Notes()
            let options = pair.migration { $0.backOff.probe = "SELECT absent()" }.options
            let report = try await Migration(
                source: pair.source.endpoint,
                target: pair.target.endpoint,
                options: options,
                observer: notes.take
            ).precopy()
            #expect(report.outcome == .done)
            #expect(notes.all.count { $0.contains("the servers' load cannot be read") } == 1, "\(notes.all)")
        }
    }
}
