import FoundationEssentials
import Synchronization
import TestSupport
import Testing
import Tidemark

/// Builds that are slow on purpose: on the target, an index's function sleeps if a database setting says so.
@Suite struct `A build that takes long` {
    private static let schema = """
        CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
            BEGIN
                IF current_setting('tests.slow', true) = 'on' THEN PERFORM pg_sleep(0.05); END IF;
                RETURN $1;
            END $$;
        CREATE TABLE s (id int PRIMARY KEY, n int);
        INSERT INTO s SELECT n, n FROM generate_series(1, 2000) n;
        CREATE INDEX s_slow ON s (slow(n));
        """
    /// How long the build takes if it is not ended, in seconds.
    private static let whole = 100.0
    private static let builders = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'active' AND query LIKE 'CREATE INDEX%'
        """

    private func slow(_ pair: DatabasePair, _ isOn: Bool) async throws {
        try await pair.target.run("ALTER DATABASE \(pair.name) SET tests.slow = '\(isOn ? "on" : "off")'")
    }

    /// Runs the command, kills it while the server builds, and expects the server to continue the build.
    private func orphan(_ pair: DatabasePair, _ arguments: [String]) async throws {
        let command = command(pair)
        try await slow(pair, true)
        async let killed = command.run(arguments, killAfter: .seconds(4))
        let outcome = try await killed
        #expect(outcome.code == nil, "\(outcome.errors)")
        #expect(try await pair.target.value(Self.builders) == "1", "the build outlives its client")
        try await slow(pair, false)
    }

    private func command(_ pair: DatabasePair) -> Command {
        Command(environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo])
    }

    @Test func `for a killed client is ended by the next client of the run`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let precopy = ["precopy", "--whole-below", "0kB", "--no-database-settings"]
            try await orphan(pair, precopy)
            let start = Date()
            let resumed = try await command(pair).run(precopy, killAfter: nil)
            #expect(resumed.code == 0, "\(resumed.errors)")
            #expect(Date().timeIntervalSince(start) < Self.whole / 2)
            #expect(try await pair.target.value(Self.builders) == "0")
            #expect(try await command(pair).run("cutover").code == 0)
            #expect(try await pair.target.value("SELECT count(*) FROM pg_index WHERE indrelid = 's'::regclass") == "2")
        }
    }

    @Test(.onceIn(2), arguments: Cases.some(1, of: [["rebuild", "--concurrently"], ["rebuild"]]))
    func `for a killed rebuild is ended by the next, which leaves no invalid index`(rebuild: [String]) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let migration = pair.migration { $0.omissions = [.databaseSettings] }
            _ = try await migration.precopy()
            #expect(try await migration.cutover().outcome == .done)
            try await pair.target.run("DROP INDEX s_slow")
            try await orphan(pair, rebuild)
            let start = Date()
            let again = try await command(pair).run(rebuild, killAfter: nil)
            #expect(again.code == 0, "\(again.output)\(again.errors)")
            #expect(Date().timeIntervalSince(start) < Self.whole / 2)
            #expect(
                try await pair.target.value("SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 's'::regclass")
                    == "t"
            )
            #expect(try await migration.verify().outcome == .done)
        }
    }

    @Test func `because of an open transaction is reported with its session`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run("DROP INDEX s_slow")
            let notes = Notes()
            try await pair.target.session { session in
                try await session.run("BEGIN; UPDATE s SET n = n WHERE id = 1")
                let pid = try await pair.target.value(
                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
                )
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let migration = Migration(
                            source: pair.source.endpoint,
                            target: pair.target.endpoint,
                            options: MigrationOptions()
                        ) { notes.take($0) }
                        let report = try await migration.rebuild(concurrently: true)
                        #expect(report.outcome == .done)
                    }
                    group.addTask {
                        for _ in 0..<200 where !notes.contain("waits for server process \(pid)") {
                            try await Task.sleep(for: .milliseconds(100))
                        }
                        #expect(notes.contain("waits for server process \(pid)"))
                        try await session.run("COMMIT")
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test(arguments: Cases.some(1, of: [(jobs: 4, memory: 32 << 20), (jobs: 2, memory: 1 << 20)]))
    func `shares memory with the others`(jobs: Int, memory: Int) async throws {
        // A function in the index checks the memory setting of its build.
        try await DatabasePair.with(
            """
            CREATE FUNCTION asked(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
                BEGIN
                    IF current_query() LIKE 'CREATE INDEX%' AND pg_size_bytes(current_setting('maintenance_work_mem')) > current_setting('tests.memory', true)::bigint
                    THEN RAISE 'too much: %', current_setting('maintenance_work_mem'); END IF;
                    RETURN $1;
                END $$;
            CREATE TABLE m (id int PRIMARY KEY, n int); INSERT INTO m SELECT n, n FROM generate_series(1, 10) n;
            CREATE INDEX ON m (asked(n)); CREATE INDEX ON m (asked(n + 1)); CREATE INDEX ON m (asked(n + 2));
            CREATE INDEX ON m (asked(n + 3));
            """
        ) { pair in
            // The server accepts no less than a megabyte.
            try await pair.target.run(
                "ALTER DATABASE \(pair.name) SET tests.memory = '\(max(memory / jobs, 1 << 20))'"
            )
            let migration = pair.migration {
                $0.omissions = [.databaseSettings]
                $0.indexJobs = jobs
                $0.indexMemoryBytes = memory
            }
            #expect(try await migration.precopy().outcome == .done)
            #expect(try await migration.cutover().outcome == .done)
        }
    }
}

/// The messages of a run.
