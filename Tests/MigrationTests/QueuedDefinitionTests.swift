import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// The application changes a definition on the source, and the change waits for the run's lock.
///
/// All later readers of the table wait behind it, including the run's own workers.
@Suite struct `A definition change that waits for the run` {
    private static let table = """
        CREATE TABLE t (id int PRIMARY KEY, v text);
        INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 2000) n;
        CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000); CREATE TABLE p2 (id int NOT NULL, v text);
        INSERT INTO p SELECT n, n FROM generate_series(1, 500) n
        """

    /// Runs the statement as an application would.
    ///
    /// - Returns: How many seconds it took; nil if it did not get its lock in 20 s.
    private static func application(_ pair: DatabasePair, _ statement: String) async -> Double? {
        let start = ContinuousClock.now
        do {
            try await pair.source.run("SET lock_timeout = '20s'; \(statement)")
            return start.duration(to: .now) / .seconds(1)
        } catch {
            return nil
        }
    }

    @Test(
        arguments: Cases.some(
            3,
            of: [
                (Fence.none, "TRUNCATE t"), (.lock, "TRUNCATE t"), (.none, "ALTER TABLE t ADD COLUMN w int"),
                (.none, "DROP TABLE t"), (.lock, "DROP TABLE p1"),
                (.none, "ALTER TABLE p DETACH PARTITION p1"),
            ]
        )
    )
    func `makes the cutover end with a verdict that names it`(fence: Fence, statement: String) async throws {
        try await DatabasePair.with(Self.table) { pair in
            _ = try await pair.migration().precopy()
            let (begun, notes) = (Flag(), Notes())
            let migration = pair.migration { $0.fence = fence }
            let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
                notes.take($0)
                if case .phaseBegan(.deltaAndWholeTables) = $0 {
                    begun.raise()
                    // Waits until the change waits for its lock.
                    _ = pair.source.runAtOnce(
                        """
                        DO $$ BEGIN
                            FOR n IN 1..100 LOOP
                                PERFORM pg_catalog.pg_sleep(0.1);
                                EXIT WHEN EXISTS (SELECT FROM pg_catalog.pg_locks WHERE NOT granted AND locktype = 'relation'
                                    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()));
                            END LOOP;
                        END $$
                        """
                    )
                }
            }
            async let report = disturbed.cutover()
            for _ in 0..<300 where !begun.isRaised { try await Task.sleep(for: .milliseconds(50)) }
            let seconds = await Self.application(pair, statement)
            let outcome = try await report
            #expect(outcome.outcome == .notProven, "\(outcome.text)\n\(notes.all)")
            #expect(seconds ?? 99 < 15)
            let kind = statement.split(separator: " ").prefix(statement.hasPrefix("TRUNCATE") ? 1 : 2).joined(
                separator: " "
            )
            #expect(outcome.text.contains("test, \(kind)"), "\(outcome.text)")
        }
    }

    /// The run does not read the table again: the change waits until the end, and then the copy is out of date.
    @Test(.onceIn(2)) func `means that the source was not quiet`() async throws {
        try await DatabasePair.with(Self.table) { pair in
            _ = try await pair.migration().precopy()
            let begun = Flag()
            let migration = pair.migration()
            let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
                if case .phaseBegan(.quiet) = $0 {
                    begun.raise()
                    _ = pair.source.runAtOnce("SELECT pg_catalog.pg_sleep(2)")
                }
            }
            async let report = disturbed.cutover()
            for _ in 0..<600 where !begun.isRaised { try await Task.sleep(for: .milliseconds(50)) }
            _ = await Self.application(pair, "TRUNCATE t")
            let outcome = try await report
            #expect(outcome.outcome == .notProven, "\(outcome.text)")
            #expect(outcome.text.contains("test, TRUNCATE"), "\(outcome.text)")
        }
    }

    /// One row takes a tenth of a second on the target, a chunk several minutes.
    private static let slow = """
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_catalog.pg_sleep(0.1); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow();
        """

    @Test(.onceIn(3), arguments: Cases.some(1, of: ["", "CREATE UNIQUE INDEX ON t (v)"]))
    func `gets its lock within seconds while rows are copied ahead`(index: String) async throws {
        try await DatabasePair.with("\(Self.table); \(index)") { pair in
            let (begun, notes) = (Flag(), Notes())
            let migration = pair.migration()
            let (target, isSettled) = (pair.target, !index.isEmpty)
            if isSettled {
                #expect(try await migration.precopy().outcome == .done)
                try await pair.source.run("UPDATE t SET v = v || 'x'")
                try await target.run(Self.slow)
            }
            let watched = Migration(source: migration.source, target: migration.target, options: migration.options) {
                notes.take($0)
                guard case .phaseBegan(.copyAndBuild) = $0 else { return }
                if !isSettled { _ = target.runAtOnce("SET search_path = public; \(SQL(trusted: Self.slow))") }
                begun.raise()
            }
            async let report = watched.precopy()
            for _ in 0..<600 where !begun.isRaised { try await Task.sleep(for: .milliseconds(50)) }
            try await Task.sleep(for: .seconds(1))
            let seconds = await Self.application(pair, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; COMMIT")
            #expect(seconds ?? 99 < 6, "\(notes.all)")
            #expect(notes.contain("test, "), "\(notes.all)")
            // The trigger's change waits for its chunk, or runs between two.
            try await target.run("SET lock_timeout = 0; ALTER TABLE t DISABLE TRIGGER ALL; DROP TRIGGER slow ON t")
            #expect(try await report.outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    /// A worker process watches its own sessions, and gives way by itself.
    @Test(.onceIn(2)) func `is left to the worker process that it waits for`() async throws {
        try await DatabasePair.with(Self.table) { pair in
            let begun = Flag()
            let (migration, target) = (pair.migration(), pair.target)
            let watched = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phaseBegan(.copyAndBuild) = $0 else { return }
                _ = target.runAtOnce("SET search_path = public; \(SQL(trusted: Self.slow))")
                begun.raise()
            }
            async let report = watched.precopy()
            for _ in 0..<600 where !begun.isRaised { try await Task.sleep(for: .milliseconds(50)) }
            let name = try await target.value("SELECT 'tidemark ' || left(run_id::text, 8) FROM tidemark.run")
            try await pair.source.session { worker in
                try await worker.run(
                    "SET application_name = '\(name) worker 1 copy 1'; BEGIN; LOCK TABLE p1 IN ACCESS SHARE MODE"
                )
                let change = "SET lock_timeout = '6s'; BEGIN; LOCK TABLE p1 IN ACCESS EXCLUSIVE MODE; COMMIT"
                #expect(await Self.application(pair, change) == nil)
                // Fails if the session was ended.
                try await worker.run("COMMIT")
            }
            try await target.run("SET lock_timeout = 0; ALTER TABLE t DISABLE TRIGGER ALL; DROP TRIGGER slow ON t")
            #expect(try await report.outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }
}
