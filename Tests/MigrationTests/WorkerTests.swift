import FoundationEssentials
import Glibc
import Ledger
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `A worker process` {
    /// Tables with ordinary keys, with keys scattered over the file, and with keys that rows swap; and enough indexes.
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); CREATE INDEX ON t (v); CREATE INDEX ON t (v, id);
        CREATE INDEX ON t (lower(v)); CREATE INDEX ON t (upper(v)); CREATE INDEX ON t (md5(v)); CREATE INDEX ON t (length(v), v);
        INSERT INTO t SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 6000) n;
        CREATE TABLE u (id uuid PRIMARY KEY, v text);
        INSERT INTO u SELECT md5(n::text)::uuid, repeat(md5(n::text), 8) FROM generate_series(1, 6000) n;
        CREATE TABLE w (id int PRIMARY KEY, place int UNIQUE, v text);
        INSERT INTO w SELECT n, n, repeat(md5(n::text), 8) FROM generate_series(1, 3000) n;
        CREATE TABLE k (id int PRIMARY KEY, t int REFERENCES t); INSERT INTO k SELECT n, n FROM generate_series(1, 2000) n;
        ANALYZE
        """

    private static let writes = """
        UPDATE public.t SET v = v || 'x' WHERE id % 3 = 0; DELETE FROM public.k WHERE id % 3 = 0;
        DELETE FROM public.u WHERE v LIKE 'c4%'; UPDATE public.w SET place = -place WHERE id % 50 < 2
        """

    private static func migration(_ pair: DatabasePair, maxRate: Int?) -> Migration {
        pair.migration { options in
            (options.plan.chunkBytes, options.plan.wholeBelowBytes) = (32 << 10, 16 << 10)
            (options.jobs, options.indexJobs, options.maxRate) = (1, 1, maxRate)
        }
    }

    private static func worker(_ pair: DatabasePair, _ name: String) -> Task<WorkerReport, any Error> {
        let migration = pair.migration { ($0.jobs, $0.indexJobs) = (2, 1) }
        return Task { try await migration.work(as: name, waiting: .seconds(60)) }
    }

    /// Sums of what the ledger says was done in the last call, by worker processes and by all.
    private static func done(_ pair: DatabasePair) async throws -> [Int] {
        let values = try await pair.target.value(
            """
            SELECT concat_ws(' ', count(*) FILTER (WHERE worker_id IS NOT NULL AND chunk_number IS NOT NULL),
                             count(*) FILTER (WHERE chunk_number IS NOT NULL),
                             coalesce(sum(rows) FILTER (WHERE worker_id IS NOT NULL), 0),
                             coalesce(sum(rows), 0),
                             count(*) FILTER (WHERE worker_id IS NOT NULL AND kind = 'build'))
            FROM tidemark.event e JOIN tidemark.run r USING (epoch)
            """
        )
        return values.split(separator: " ").compactMap { Int($0) }
    }

    @Test func `takes its part of a precopy and of a cutover, and the reports count it`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let workers = ["first", "second"].map { Self.worker(pair, $0) }
            let precopy = try await Self.migration(pair, maxRate: 3 << 20).precopy()
            #expect(precopy.outcome == .done, "\(precopy.text)")
            var done = try await Self.done(pair)
            #expect(done[0] > 0, "\(done)")
            var reports: [WorkerReport] = []
            for worker in workers { reports.append(try await worker.value) }
            #expect(reports.allSatisfy { $0.calls == 1 && !$0.isStopped })
            #expect(reports.reduce(0) { $0 + $1.rows } == done[2])
            // What was copied in slices has its chunks' marks at the end, by the client.
            #expect(precopy.tables.reduce(0) { $0 + $1.rows } == done[3])
            #expect(precopy.transfer.bytes > 6000 * 256)

            try await pair.source.run(Self.writes)
            let next = ["first", "second"].map { Self.worker(pair, $0) }
            let cutover = try await Self.migration(pair, maxRate: 130 << 10).cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            done = try await Self.done(pair)
            #expect(done[0] > 0, "\(done)")
            #expect(cutover.transfer.chunks == done[1], "\(cutover.transfer)")
            for worker in next { #expect(try await worker.value.calls == 1) }
            #expect(try await pair.differingTables() == [])
            #expect(try await pair.differingDefinitions() == [])
        }
    }

    /// At every place at which a worker holds something.
    @Test(arguments: Cases.some(2, of: ["chunkCopied:2", "objectBuilt:1", "beforeCommit:4", "afterCommit:3"]))
    func `that is killed gives back what it had claimed`(at place: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let command = Command(environment: ["TIDEMARK_STATUS_POINT": "\(place):kill"])
            let arguments = [
                "worker", "--source", pair.source.conninfo, "--target", pair.target.conninfo, "--jobs", "2", "--wait",
                "60",
            ]
            async let killed = command.run(arguments, killAfter: .seconds(60))
            let precopy = try await Self.migration(pair, maxRate: 3 << 20).precopy()
            #expect(precopy.outcome == .done, "\(precopy.text)")
            let end = try await killed
            #expect(end.code == nil, "\(end.errors)")
            try await pair.source.run(Self.writes)
            let cutover = try await Self.migration(pair, maxRate: nil).cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    private static let hasNoWorker: SQL = """
        DO $$ BEGIN ASSERT NOT EXISTS (
            SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tidemark % worker %'); END $$
        """

    /// The second Ctrl-C cancels a step, and waits for none of others.
    @Test(.onceIn(2)) func `does not hold up a client that is cancelled`() async throws {
        let schema = """
            CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
                BEGIN
                    IF current_setting('application_name') LIKE 'tidemark %' THEN PERFORM pg_sleep(0.5); END IF;
                    RETURN $1;
                END $$;
            CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 200); CREATE INDEX ON t (public.slow(id));
            CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u SELECT * FROM t; CREATE INDEX ON u (public.slow(id));
            CREATE TABLE v (id int PRIMARY KEY); INSERT INTO v SELECT * FROM t; CREATE INDEX ON v (public.slow(id))
            """
        try await DatabasePair.with(schema) { pair in
            let folder = try Self.folder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let options =
                "--source '\(pair.source.conninfo)' --target '\(pair.target.conninfo)' --jobs 1 --index-jobs 1"
            async let worker = Command().shell(
                "\"$TIDEMARK\" worker \(options) --wait 60 & echo $! >\(folder)/worker; wait"
            )
            async let client = Command().shell(
                "\"$TIDEMARK\" precopy \(options) --whole-below 1kB & echo $! >\(folder)/client; wait $!; echo \"code $?\""
            )
            let building = """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND query ~ '^CREATE INDEX' AND state = 'active' AND application_name
                """
            func pid(_ name: String) -> Int32? {
                Int32(((try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)) ?? "").filter(\.isNumber))
            }
            for condition in ["LIKE '%worker%'", "NOT LIKE '%worker%'"] {
                var isBuilding = false
                for _ in 0..<3000 where !isBuilding {
                    isBuilding = try await pair.target.value("\(building) \(condition)") != "0"
                    try await Task.sleep(for: .milliseconds(20))
                }
                #expect(isBuilding, "\(condition)")
            }
            let process = try #require(pid("client"))
            kill(process, SIGINT)
            try await Task.sleep(for: .seconds(1))
            kill(process, SIGINT)
            let outcome = try await client
            #expect(outcome.output.contains("code 4"), "\(outcome.output) \(outcome.errors)")
            #expect(try await pair.target.value("\(building) LIKE '%worker%'") == "1", "the worker was not waited for")
            kill(try #require(pid("worker")), SIGKILL)
            _ = try await worker
        }
    }

    /// Its kernel goes on answering for its connections.
    @Test(.onceIn(3)) func `that stands still is put out, and joins again when it goes on`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let notes = Notes()
            let folder = try Self.folder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let line = """
                "$TIDEMARK" worker --source '\(pair.source.conninfo)' --target '\(pair.target.conninfo)' --jobs 1 --wait 60 \
                    2>\(folder)/errors & echo $! >\(folder)/pid; wait
                """
            let worker = Command(environment: ["TIDEMARK_STATUS_POINT": "chunkCopied:2:pause"])
            async let ended = worker.shell(line)
            let migration = Self.migration(pair, maxRate: 400 << 10)
            let watched = Migration(source: migration.source, target: migration.target, options: migration.options) {
                notes.take($0)
                if case .note(let text) = $0, text.contains("its sessions were ended") {
                    #expect(pair.source.runAtOnce(Self.hasNoWorker))
                    let pid = (try? String(contentsOfFile: "\(folder)/pid", encoding: .utf8)) ?? ""
                    if let pid = Int32(pid.filter(\.isNumber)) { kill(pid, SIGCONT) }
                }
            }
            let precopy = try await watched.precopy()
            let pid = (try? String(contentsOfFile: "\(folder)/pid", encoding: .utf8)) ?? ""
            if let pid = Int32(pid.filter(\.isNumber)) { kill(pid, SIGCONT) }
            #expect(precopy.outcome == .done, "\(precopy.text)")
            #expect(notes.contain("its sessions were ended"), "\(notes.all)")
            // What it had claimed is copied in the same call.
            let left =
                "SELECT count(*) FROM tidemark.chunk JOIN tidemark.relation USING (relation_id) WHERE treatment = 'delta' AND mark IS NULL"
            #expect(try await pair.target.value(left) == "0")
            _ = try await ended
            #expect(try await Self.migration(pair, maxRate: nil).cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    private static func folder() throws -> String {
        let folder = FileManager.default.temporaryDirectory.path + "/worker-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    @Test(.onceIn(2)) func `waits for the client that takes the run over`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let worker = Self.worker(pair, "faithful")
            let arguments = [
                "precopy", "--source", pair.source.conninfo, "--target", pair.target.conninfo, "--jobs", "1",
                "--chunk-size", "32kB", "--whole-below", "16kB", "--max-rate", "500kB",
            ]
            _ = try await Command().run(arguments, killInPhase: "copy and build", after: .seconds(3))
            let precopy = try await Self.migration(pair, maxRate: 2 << 20).precopy()
            #expect(precopy.outcome == .done, "\(precopy.text)")
            #expect(try await worker.value.calls >= 1)
            #expect(try await Self.done(pair)[0] > 0)
            #expect(try await Self.migration(pair, maxRate: nil).cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(3)) func `takes part in one call after the other, also in a rehearsal`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let plain = pair.migration { ($0.jobs, $0.indexJobs) = (2, 1) }
            let worker = Task { try await plain.work(as: "faithful", waiting: .seconds(1), stays: true) }
            #expect(try await Self.migration(pair, maxRate: 2 << 20).precopy().outcome == .done)
            var parts = [try await Self.done(pair)[0]]
            try await pair.source.run(Self.writes)
            #expect(try await Self.migration(pair, maxRate: 130 << 10).rehearse().outcome == .rehearsed)
            parts.append(try await Self.done(pair)[0])
            try await pair.source.run("UPDATE public.t SET v = v || 'y' WHERE id % 3 = 1")
            let cutover = Task { try await Self.migration(pair, maxRate: 130 << 10).cutover() }
            var seen = 0
            let ledger = LedgerAdministration(target: pair.target.endpoint)
            for _ in 0..<200 where seen < 6 {
                let status = try await ledger.status()
                if status?.client?.command == "cutover", let workers = status?.workers, !workers.isEmpty {
                    // Its earlier calls left no trace of a second one.
                    #expect(workers.count == 1)
                    seen += 1
                }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(seen > 0)
            #expect(try await cutover.value.outcome == .done)
            parts.append(try await Self.done(pair)[0])
            #expect(parts.allSatisfy { $0 > 0 }, "\(parts)")
            plain.stop.request()
            let report = try await worker.value
            #expect(report.calls >= 3 && report.isStopped, "\(report)")
            #expect(try await pair.differingTables() == [])
        }
    }

    /// The server hides what it shows of a session from a role that is not a member of its login role.
    @Test func `takes part as another role than that of its login`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            for role in ["worker_owner NOLOGIN", "worker_login LOGIN IN ROLE worker_owner"] {
                let parts = role.split(separator: " ", maxSplits: 1)
                try await pair.createRole(String(parts[0]), String(parts[1]))
            }
            try await pair.target.run("ALTER DATABASE \(pair.name) OWNER TO worker_owner")
            if try await pair.target.majorVersion() < 15 {
                try await pair.target.run("ALTER SCHEMA public OWNER TO worker_owner")
            }
            let login = pair.target.conninfo.replacing("user=postgres", with: "user=worker_login")
            let target = try Endpoint(login, side: .target, role: "worker_owner")
            func migration(maxRate: Int?) -> Migration {
                var options = Self.migration(pair, maxRate: maxRate).options
                options.omissions = [.owners, .privileges]
                return Migration(source: pair.source.endpoint, target: target, options: options)
            }
            let worker = Task { try await migration(maxRate: nil).work(as: "clerk", waiting: .seconds(60)) }
            let precopy = try await migration(maxRate: 2 << 20).precopy()
            #expect(precopy.outcome == .done, "\(precopy.text)")
            #expect(try await worker.value.calls == 1)
            #expect(try await Self.done(pair)[0] > 0)
        }
    }

    @Test(.onceIn(3)) func `obeys a pause, and the limit of chunks at the same time`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let worker = Self.worker(pair, "obedient")
            async let report = Self.migration(pair, maxRate: 400 << 10).precopy()
            for _ in 0..<300 {
                if let done = try? await Self.done(pair), done.first ?? 0 > 0 { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            let ledger = LedgerAdministration(target: pair.target.endpoint)
            _ = try await ledger.throttle(maxRate: 0, isPaused: true)
            try await Task.sleep(for: .seconds(4))
            let before = try await Self.done(pair)
            try await Task.sleep(for: .seconds(2))
            #expect(try await Self.done(pair)[1] == before[1])
            #expect(try await ledger.status()?.workers.map(\.name) == ["obedient"])
            _ = try await ledger.throttle(jobs: 1, isPaused: false)
            try await Task.sleep(for: .seconds(3))
            let alone = try await Self.done(pair)
            #expect(alone[1] > before[1])
            #expect(try await report.outcome == .done)
            // The only chunk at a time was the client's.
            #expect(try await Self.done(pair)[0] - before[0] <= 2)
            _ = try await worker.value
            #expect(try await Self.migration(pair, maxRate: nil).cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(2)) func `is refused with another source, and ends if no call begins`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let none = try await Command().run(
                ["worker", "--source", pair.source.conninfo, "--target", pair.target.conninfo, "--wait", "1"],
                killAfter: .seconds(30)
            )
            #expect(none.code == 1 && none.errors.contains("no precopy or cutover was at work"), "\(none.errors)")
            try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY, v text)") { other in
                async let report = Self.migration(pair, maxRate: 500 << 10).precopy()
                let refused = try await Command().run(
                    ["worker", "--source", other.source.conninfo, "--target", pair.target.conninfo, "--wait", "60"],
                    killAfter: .seconds(60)
                )
                #expect(refused.code == 1 && refused.errors.contains("this source is"), "\(refused.errors)")
                #expect(try await report.outcome == .done)
            }
        }
    }

    /// Lanes without a share wait, and would keep their sessions.
    @Test func `knows when work is withdrawn, also without a share of it`() {
        let (standing, start) = (StandingWork(), ContinuousClock.now)
        #expect(!standing.isWithdrawn(7, since: start), "nothing was read yet")
        standing.set([], readAt: start - .seconds(1))
        #expect(!standing.isWithdrawn(7, since: start), "it was announced later")
        standing.set([6, 7], readAt: start + .seconds(1))
        #expect(!standing.isWithdrawn(7, since: start))
        standing.set([8], readAt: start + .seconds(2))
        #expect(standing.isWithdrawn(7, since: start))
    }

    /// Shares of what is allowed to all together.
    @Test(
        arguments: [
            (nil, nil, [4, 2, 2], [4, 2, 2]), (nil, 5, [4, 2, 2], [4, 1, 0]), (nil, 0, [4, 2], [1, 0]),
        ] as [(Int?, Int?, [Int], [Int])]
    )
    func `gets what the others leave`(rate: Int?, jobs: Int?, wanted: [Int], allowed: [Int]) {
        #expect(WorkerShare.all(of: rate, jobs: jobs, among: wanted, epoch: 1).map(\.jobs) == allowed)
        let rates = WorkerShare.all(of: 900, jobs: nil, among: [1, 2, 6], epoch: 1).map(\.bytesPerSecond)
        #expect(rates == [100, 200, 600])
    }
}
