import Catalog
import Ledger
import Planning
import Postgres
import TestSupport
import Testing
import Tidemark

@Suite struct `The ledger` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text);
        INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 2000) n;
        ANALYZE t;
        """

    @Test func `lets only one client work at a time`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.target.session { other in
                try await other.run("SELECT pg_advisory_lock(1953064037, 1835102827)")
                let error = await #expect(throws: LedgerError.self) { try await pair.migration().precopy() }
                #expect(error?.code == .busy)
            }
            #expect(try await pair.migration().precopy().outcome == .done)
        }
    }

    @Test func `fences off a worker whose client has lost the run`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            let epoch = Int(try await pair.target.value("SELECT epoch FROM tidemark.run")) ?? 0
            // Another client takes over; the old worker wakes up and tries to continue.
            try await pair.target.run("UPDATE tidemark.run SET epoch = epoch + 1; UPDATE tidemark.chunk SET pass = 0")
            let error = await #expect(throws: LedgerError.self) {
                try await ThreadConfined.with(pair.target.endpoint, purpose: "zombie") { zombie in
                    try await zombie.run { connection in
                        try connection.transaction(.readWrite) {
                            _ = try Ledger(connection, epoch: epoch).claim(.delta(pass: 99, relation: nil))
                        }
                    }
                }
            }
            #expect(error?.code == .fenced)
        }
    }

    /// The client was stopped, its run was given up, and the target serves another run when it goes on.
    @Test func `fences off a worker of another run, also one with as many clients`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            var epochs: [Int] = []
            for _ in 1...3 {
                _ = try await pair.migration { $0.targetContents = .rows }.precopy()
                epochs.append(Int(try await pair.target.value("SELECT epoch FROM tidemark.run")) ?? 0)
                let status = try await LedgerAdministration(target: pair.target.endpoint).status()
                #expect(status?.epoch == 1)
                let old = epochs[0]
                for table in ["chunk", "object"] where epochs.count > 1 {
                    let error = await #expect(throws: LedgerError.self) {
                        try await ThreadConfined.with(pair.target.endpoint, purpose: "zombie") { zombie in
                            try await zombie.run { connection in
                                try connection.transaction(.readWrite) {
                                    let ledger = Ledger(connection, epoch: old)
                                    if table == "chunk" {
                                        _ = try ledger.claim(.delta(pass: 99, relation: nil))
                                    } else {
                                        try ledger.fence()
                                    }
                                }
                            }
                        }
                    }
                    #expect(error?.code == .fenced)
                }
                try await LedgerAdministration(target: pair.target.endpoint).finish(abandon: true)
            }
            #expect(Set(epochs).count == 3)
        }
    }

    /// A stopped client's session may hold a lock on the ledger, and would go on with what is left of it.
    @Test func `ends the sessions of its run before it is dropped`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            let name = try await pair.target.value("SELECT 'tidemark ' || left(run_id::text, 8) FROM tidemark.run")
            try await pair.target.session { left in
                try await left.run(
                    """
                    SET application_name = '\(name) copy 1'; SET idle_in_transaction_session_timeout = '30s';
                    BEGIN; LOCK TABLE tidemark.chunk IN SHARE MODE
                    """
                )
                let start = ContinuousClock.now
                try await LedgerAdministration(target: pair.target.endpoint).finish(abandon: true)
                #expect(start.duration(to: .now) < .seconds(20), "the server has ended it, not the command")
                let sessions = try await pair.target.value(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = '\(name) copy 1'"
                )
                #expect(sessions == "0")
                await #expect(throws: PostgresError.self) { try await left.run("COMMIT") }
            }
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
        }
    }

    /// Other databases of the server keep ids open for days: what counts is who writes rows here.
    @Test func `takes everything for seen, unless rows are written in this database`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.withAnotherTarget { elsewhere in
                try await elsewhere.target.session { old in
                    try await old.run("BEGIN; SELECT txid_current()")
                    func isAllSeen(beside script: String) async throws -> Bool {
                        try await pair.target.session { other in
                            try await other.run("BEGIN; \(script)")
                            return try await ThreadConfined.with(pair.target.endpoint, purpose: "test") { control in
                                try await control.run { connection in
                                    let seen = try Ledger(connection).seenNow()
                                    return seen.xmin == seen.xmax
                                }
                            }
                        }
                    }
                    for script in [
                        "SELECT", "LOCK TABLE t IN ROW EXCLUSIVE MODE", "ANALYZE t",
                        "UPDATE tidemark.chunk SET proof = (SELECT jsonb_agg(md5(n::text)) FROM generate_series(1, 200) n)",
                    ] {
                        #expect(try await isAllSeen(beside: script), "\(script)")
                    }
                    for script in [
                        "INSERT INTO t VALUES (0, '')", "SELECT lo_from_bytea(4712, 'x')", "CREATE TABLE n AS SELECT 1",
                        "SAVEPOINT a; DELETE FROM t WHERE id = 1; RELEASE a", "SELECT FROM t WHERE id = 2 FOR UPDATE",
                    ] {
                        #expect(try await !isAllSeen(beside: script), "\(script)")
                    }
                }
            }
        }
    }

    @Test func `refuses a target that is not empty and not the tool's own`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run("CREATE TABLE precious (id int)")
            let error = await #expect(throws: LedgerError.self) { try await pair.migration().precopy() }
            #expect(error?.code == .targetNotEmpty)
            #expect(error?.description.contains("public.precious") == true)
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
        }
    }

    @Test func `of another version is not touched`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.target.run(
                "UPDATE tidemark.run SET ledger_version = 99, tool_version = '9.9', source = '{}'"
            )
            let error = await #expect(throws: LedgerError.self) { try await pair.migration().precopy() }
            #expect(error?.code == .unknownVersion)
            #expect(error?.description.contains("tidemark 9.9") == true)
            let status = LedgerAdministration(target: pair.target.endpoint)
            await #expect(throws: LedgerError.self) { try await status.status() }
        }
    }

    @Test func `refuses another source`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await DatabasePair.with(Self.schema) { other in
                let mixed = Migration(source: other.source.endpoint, target: pair.target.endpoint)
                let error = await #expect(throws: LedgerError.self) { try await mixed.precopy() }
                #expect(error?.code == .otherSource)
            }
        }
    }

    @Test func `is required for a cutover, and removed when the migration is finished`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let missing = await #expect(throws: LedgerError.self) { try await pair.migration().cutover() }
            #expect(missing?.code == .missing)
            let administration = LedgerAdministration(target: pair.target.endpoint)
            #expect(try await administration.status() == nil)
            _ = try await pair.migration().precopy()
            let early = await #expect(throws: LedgerError.self) { try await administration.finish(abandon: false) }
            #expect(early?.code == .tooLate)
            #expect(try await administration.status()?.step == "precopied")
            _ = try await pair.migration().cutover()
            #expect(try await administration.status()?.step == "done")
            try await administration.finish(abandon: false)
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
            #expect(try await pair.migration().verify().outcome == .done)
        }
    }
}
