import Report
import TestSupport
import Testing
import Tidemark

/// What the processes of one run leave to each other.
@Suite struct `Work that several processes claim` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, v text);
        INSERT INTO t SELECT n, repeat(md5(n::text), 6) FROM generate_series(1, 30000) n;
        CREATE TABLE empty (id bigint PRIMARY KEY, v text);
        ANALYZE
        """

    private static let isCopying = "SELECT EXISTS (SELECT FROM tidemark.work WHERE kind = 'copy')"

    /// Waits until the target answers a query with `true`; there may be no ledger yet.
    private static func wait(_ pair: DatabasePair, until condition: String) async throws {
        for _ in 0..<600 {
            if (try? await pair.target.value(condition)) == "t" { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("not within half a minute: \(condition)")
    }

    /// Each process learns for itself how fast a table is, but what one has cut is short enough for all.
    @Test(.onceIn(2)) func `is cut once, although each process takes its chunks to be too long`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            func migration(_ name: String) -> Migration {
                pair.migration(chunkBytes: 2 << 20) {
                    // No transaction is as short as that.
                    $0.longestTransaction = .milliseconds(1)
                    $0.jobs = name == "client" ? 1 : 2
                }
            }
            let workers = ["first", "second"].map { name in
                Task { try await migration(name).work(as: name, waiting: .seconds(60)) }
            }
            #expect(try await migration("client").precopy().outcome == .done)
            for worker in workers { _ = try await worker.value }
            // Of four chunks at first, at least one is not cut: it shows how fast the table is.
            let cuts = try await pair.target.value("SELECT count(*) FROM tidemark.event WHERE kind = 'cut'")
            #expect(["1", "2", "3", "4"].contains(cuts))
            #expect(try await pair.differingTables() == [])
        }
    }

    /// By a request, or because another part of the call has failed.
    @Test(arguments: [false, true])
    func `cannot be claimed any more once the client stops, whoever holds some of it`(isCancelled: Bool) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let migration = pair.migration { $0.maxRate = 500 << 10 }
            let precopy = Task { try await migration.precopy() }
            try await Self.wait(pair, until: Self.isCopying)
            try await pair.target.session { worker in
                // As each transaction of a worker process does.
                try await worker.run("BEGIN; SELECT FROM tidemark.work WHERE kind = 'copy' FOR KEY SHARE")
                if isCancelled { precopy.cancel() } else { migration.stop.request() }
                try await Self.wait(pair, until: "SELECT is_closed FROM tidemark.work WHERE kind = 'copy'")
                try await Task.sleep(for: .seconds(1))
                #expect(try await pair.target.value(Self.isCopying) == "t")
                // The client does not wait in a statement, so that it can end the sessions of a worker that stands still.
                let waits = "wait_event_type = 'Lock' AND datname = current_database()"
                #expect(try await pair.target.value("SELECT count(*) FROM pg_stat_activity WHERE \(waits)") == "0")
                try await worker.run("COMMIT")
            }
            let report = try? await precopy.value
            #expect(report.map { $0.outcome == .stopped } ?? isCancelled)
            #expect(try await pair.target.value("SELECT count(*) FROM tidemark.work") == "0")
        }
    }

    @Test(.onceIn(2)) func `ends when another process has finished a table that was left for later here`() async throws
    {
        try await DatabasePair.with(Self.schema) { pair in
            let notes = Notes()
            let migration = pair.migration(notes: notes) {
                $0.provesAhead = false
                $0.maxRate = 2 << 20
            }
            let precopy = Task { try await migration.precopy() }
            try await Self.wait(pair, until: Self.isCopying)
            try await pair.source.session { owner in
                try await owner.run("BEGIN; LOCK TABLE empty IN ACCESS EXCLUSIVE MODE")
                while !notes.contain("empty is left for later") { try await Task.sleep(for: .milliseconds(20)) }
                // As a process does that got the lock a moment earlier.
                try await pair.target.run(
                    """
                    UPDATE tidemark.chunk c SET pass = o.pass, mark = o.mark || jsonb_build_object(
                        'tableOid', r.definition -> 'oid', 'fileNode', r.definition -> 'oid')
                    FROM tidemark.relation r, tidemark.chunk o
                    WHERE r.relation_id = c.relation_id AND r.table_name = 'empty' AND o.mark IS NOT NULL
                    """
                )
                let limit = Task {
                    try await Task.sleep(for: .seconds(60))
                    migration.stop.request()
                }
                #expect(try await precopy.value.outcome == .done)
                limit.cancel()
                try await owner.run("COMMIT")
            }
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }
}
