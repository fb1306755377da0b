import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Another session locks a table exclusively: `LOCK TABLE … IN ACCESS EXCLUSIVE MODE`.
@Suite struct `Another session's lock` {
    private static let lock: SQL = "LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE"

    /// The locked table is the largest, so its chunks are due first.
    private static let tables = """
        CREATE TABLE t (id int PRIMARY KEY, v text DEFAULT lower('X'));
        INSERT INTO t SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 5000) n;
        CREATE INDEX t_v ON t (lower(left(v, 5)));
        CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u SELECT n, md5(n::text) FROM generate_series(1, 3000) n;
        CREATE TABLE w (id int PRIMARY KEY, v text); INSERT INTO w SELECT n, md5(n::text) FROM generate_series(1, 2000) n;
        ANALYZE
        """

    private static func watched(
        _ pair: DatabasePair,
        _ notes: Notes,
        _ observe: @escaping @Sendable (String) -> Void = { _ in }
    )
        -> Migration
    {
        let migration = pair.migration()
        return Migration(source: migration.source, target: migration.target, options: migration.options) { event in
            notes.take(event)
            if case .phaseBegan(let phase) = event { observe(phase.rawValue) }
        }
    }

    private static func work(_ migration: Migration, isNight: Bool) async throws -> RunReport {
        isNight ? try await migration.cutover() : try await migration.precopy()
    }

    /// Waits until a condition holds, 20 s at most.
    private static func until(_ isSo: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<200 {
            if try await isSo() { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    private static let copiedOthers = """
        SELECT count(*) = 0 FROM tidemark.chunk c JOIN tidemark.relation r USING (relation_id)
        WHERE r.table_name IN ('u', 'w') AND (c.mark IS NULL OR c.pass < (SELECT pass FROM tidemark.run))
        """

    @Test(arguments: [Endpoint.Side.source, .target])
    func `is reported within seconds while the preparation waits for it`(side: Endpoint.Side) async throws {
        try await DatabasePair.with(Self.tables) { pair in
            if side == .target { #expect(try await pair.migration().precopy().outcome == .done) }
            let locker = try Locker(side == .source ? pair.source : pair.target)
            locker.lock(Self.lock)
            let notes = Notes()
            let migration = Self.watched(pair, notes)
            async let report = migration.precopy()
            let isTold = try await Self.until { notes.contain("server process \(locker.pid)") }
            locker.release()
            #expect(isTold, "\(notes.all)")
            #expect(try await report.outcome == .done)
            #expect(notes.seconds(of: "server process \(locker.pid)") ?? 99 < 4, "\(notes.all)")
            #expect(notes.contain("public.t") && notes.contain("somebody else, LOCK TABLE"), "\(notes.all)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(3), arguments: Cases.some(1, of: [Endpoint.Side.source, .target]))
    func `postpones its table in precopy while the others are copied`(side: Endpoint.Side) async throws {
        try await DatabasePair.with(Self.tables) { pair in
            let locker = try Locker(side == .source ? pair.source : pair.target)
            let notes = Notes()
            let migration = Self.watched(pair, notes) { if $0 == "copy and build" { locker.lock(Self.lock) } }
            async let report = migration.precopy()
            _ = try await Self.until { try await pair.target.value("SELECT to_regclass('tidemark.run')") != "" }
            let areCopied = try await Self.until {
                guard try await pair.target.value("SELECT count(*) FROM tidemark.chunk") != "0" else { return false }
                return try await pair.target.value(Self.copiedOthers) == "t"
            }
            #expect(areCopied, "\(notes.all)")
            // Longer than any single attempt.
            try await Task.sleep(for: .seconds(12))
            locker.release()
            #expect(try await report.outcome == .done)
            #expect(notes.contain("public.t") && notes.contain("server process \(locker.pid)"), "\(notes.all)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(2)) func `postpones its table in cutover as well`() async throws {
        try await DatabasePair.with(Self.tables) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run(
                "UPDATE t SET v = 'new' WHERE id % 7 = 0; UPDATE u SET v = 'new' WHERE id % 9 = 0"
            )
            let locker = try Locker(pair.target)
            let notes = Notes()
            let migration = Self.watched(pair, notes) { if $0 == "delta and whole tables" { locker.lock(Self.lock) } }
            async let report = migration.cutover()
            let areCopied = try await Self.until {
                guard try await pair.target.value("SELECT is_pass_open FROM tidemark.run") == "t" else { return false }
                return try await pair.target.value(Self.copiedOthers) == "t"
            }
            #expect(areCopied, "\(notes.all)")
            locker.release()
            #expect(try await report.outcome == .done)
            #expect(notes.contain("server process \(locker.pid)"), "\(notes.all)")
            #expect(try await pair.differingTables() == [])
        }
    }

    /// While a table is locked, the cutover's stage lasts; another process reads in the ledger what is due and in which
    /// snapshot of the source.
    @Test func `leaves work in the ledger that a second process can see`() async throws {
        try await DatabasePair.with(Self.tables) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run("UPDATE t SET v = 'new' WHERE id % 7 = 0")
            let locker = try Locker(pair.target)
            let notes = Notes()
            let migration = Self.watched(pair, notes) { if $0 == "delta and whole tables" { locker.lock(Self.lock) } }
            async let report = migration.cutover()
            #expect(try await Self.until { notes.contain("public.t is left for later") }, "\(notes.all)")
            let isClaimable = try await Self.until { try await Self.claimsChunk(of: pair) }
            #expect(isClaimable, "\(notes.all)")
            locker.release()
            #expect(try await report.outcome == .done)
            let left = try await Connection.with(pair.target.endpoint, purpose: "second") {
                try Ledger($0).announcement(.copy)?.work
            }
            #expect(left == nil)
        }
    }

    /// Whether a process that knows only the two databases can claim a chunk and read the run's snapshot.
    private static func claimsChunk(of pair: DatabasePair) async throws -> Bool {
        let (work, chunks) = try await Connection.with(pair.target.endpoint, purpose: "second") { connection in
            let epoch = try Ledger.run(on: connection)?.epoch ?? -1
            let ledger = Ledger(connection, epoch: epoch)
            guard let work = try ledger.announcement(.copy)?.work, case .chunks(let stage) = work.task else {
                return (nil as AnnouncedWork?, 0)
            }
            // The claim is given back with the transaction.
            try connection.begin(.readWrite)
            defer { connection.rollBack() }
            return (work, try ledger.claim(stage).count)
        }
        guard let snapshot = work?.snapshot, chunks > 0 else { return false }
        return try await Connection.with(pair.source.endpoint, purpose: "second") { connection in
            try connection.transaction(.shared(snapshot)) {
                try connection.queryOne("SELECT count(*) AS n FROM public.u").integer("n") == 3000
            }
        }
    }

    @Test func `is reported with the prepared transaction that holds it`() async throws {
        try await DatabasePair.with(Self.tables) { pair in
            let name = "prepared by \(pair.name)"
            try await pair.source.run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION '\(name)'")
            let notes = Notes()
            async let report = Self.watched(pair, notes).precopy()
            #expect(try await Self.until { notes.contain("a prepared transaction (one of '\(name)')") }, "\(notes.all)")
            try await pair.source.run("ROLLBACK PREPARED '\(name)'")
            #expect(try await report.outcome == .done)
        }
    }

    /// A wait of 30 s once ended the call.
    @Test(.onceIn(3)) func `on the source is waited for before the cutover's snapshot, as long as it takes`()
        async throws
    {
        try await DatabasePair.with(Self.tables) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            let locker = try Locker(pair.source)
            locker.lock(Self.lock)
            let notes = Notes()
            async let report = Self.watched(pair, notes).cutover()
            try await Task.sleep(for: .seconds(34))
            locker.release()
            #expect(try await report.outcome == .done)
            #expect(notes.contain("locked by server process \(locker.pid) (somebody else, LOCK TABLE"), "\(notes.all)")
        }
    }

    @Test func `does not prevent indexes of other tables from being built`() async throws {
        try await DatabasePair.with(Self.tables) { pair in
            let locker = try Locker(pair.target)
            let notes = Notes()
            // A writer's lock lets rows be written but blocks building keys.
            let migration = Self.watched(pair, notes) {
                if $0 == "copy and build" { locker.lock("LOCK TABLE public.t IN ROW EXCLUSIVE MODE") }
            }
            async let report = migration.precopy()
            let areBuilt = try await Self.until {
                try await pair.target.value(
                    "SELECT count(*) FROM pg_index WHERE indrelid::regclass::text IN ('u', 'w')"
                ) == "2"
            }
            let isTold = try await Self.until { notes.contain("server process \(locker.pid)") }
            locker.release()
            #expect(areBuilt && isTold, "\(notes.all)")
            #expect(try await report.outcome == .done)
            #expect(try await pair.migration().cutover().outcome == .done)
        }
    }

    @Test(
        arguments: Cases.some(
            1,
            of: ["preparation", "copy and build", "prove ahead", "delta and whole tables", "verify rows"]
        )
    )
    func `does not delay the first request to stop`(phase: String) async throws {
        try await DatabasePair.with(Self.tables) { pair in
            let isNight = phase.hasPrefix("delta") || phase.hasPrefix("verify")
            if isNight {
                #expect(try await pair.migration().precopy().outcome == .done)
                try await pair.source.run("UPDATE t SET v = 'new' WHERE id % 7 = 0")
            }
            let locker = try Locker(phase == "preparation" ? pair.source : pair.target)
            if phase == "preparation" { locker.lock(Self.lock) }
            let notes = Notes()
            let migration = Self.watched(pair, notes) { if $0 == phase { locker.lock(Self.lock) } }
            async let work = Self.work(migration, isNight: isNight)
            #expect(try await Self.until { notes.contain("server process \(locker.pid)") }, "\(notes.all)")
            migration.stop.request()
            let start = ContinuousClock.now
            // Releases the lock if the run does not stop, so that the test ends.
            let rescue = Task {
                try await Task.sleep(for: .seconds(15)); locker.release()
            }
            let report = try await work
            rescue.cancel()
            #expect(report.outcome == .stopped)
            #expect(start.duration(to: .now) < .seconds(5))
            locker.release()
            let again = isNight ? try await pair.migration().cutover() : try await pair.migration().precopy()
            #expect(again.outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }
}
