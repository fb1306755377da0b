import FoundationEssentials
import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// A look that ended early says nothing about what it did not reach.
@Suite struct `A look that is incomplete` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, v text); INSERT INTO t SELECT n, n FROM generate_series(1, 500) n;
        SELECT lo_from_bytea(4711, 'object'); ANALYZE
        """

    @Test(arguments: [RunPhase.verifyRows, .verifyLargeObjects, .verifyReadiness])
    func `because the run was stopped proves nothing: in a cutover, a verification or a restore`(_ phase: RunPhase)
        async throws
    {
        try await DatabasePair.with(Self.schema) { pair in
            let stop = StopRequest()
            @Sendable func follow(_ event: RunEvent) {
                if case .phaseBegan(phase) = event { stop.request() }
            }
            #expect(try await pair.migration().precopy().outcome == .done)
            let options = pair.migration().options
            let stopped = try await Migration(
                source: pair.source.endpoint,
                target: pair.target.endpoint,
                options: options,
                stop: stop,
                observer: follow
            ).cutover()
            #expect(stopped.outcome == .stopped && stopped.verification == nil, "\(stopped.text)")
            let step = "SELECT step FROM tidemark.run"
            #expect(try await pair.target.value(step) != "done")
            #expect(try await pair.migration().cutover().outcome == .done)

            let third = StopRequest()
            let looked = try await Migration(
                source: pair.source.endpoint,
                target: pair.target.endpoint,
                options: options,
                stop: third,
                observer: { if case .phaseBegan(phase) = $0 { third.request() } }
            ).verify()
            // It tries no INSERT, so nothing is left out once readiness is looked at.
            #expect(
                phase == .verifyReadiness
                    ? looked.outcome == .done : looked.outcome == .stopped && looked.verification == nil,
                "\(looked.text)"
            )

            let path = FileManager.default.temporaryDirectory.path + "/look-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: path) }
            _ = try await DatabaseArchive(path, options: options).dump(from: pair.source.endpoint)
            try await pair.withAnotherTarget { pair in
                let again = StopRequest()
                let restored = try await DatabaseArchive(path, options: options, stop: again) { event in
                    if case .phaseBegan(phase) = event { again.request() }
                }.restore(to: pair.target.endpoint)
                #expect(restored.outcome == .stopped && restored.verification == nil, "\(restored.text)")
                #expect(try await pair.target.value(step) != "done")
                let whole = try await DatabaseArchive(path, options: options).restore(to: pair.target.endpoint)
                #expect(whole.outcome == .done, "\(whole.text)")
            }
        }
    }

    /// A crash of the target empties it; what is loaded afterwards must not hide that.
    @Test(arguments: [true, false])
    func `at an unlogged table that was emptied does not stop at its new rows`(isAhead: Bool) async throws {
        let schema = """
            CREATE UNLOGGED TABLE t (id bigint PRIMARY KEY, v text);
            INSERT INTO t SELECT n, repeat('v', 100) FROM generate_series(1, 3000) n; ANALYZE
            """
        try await DatabasePair.with(schema) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.source.run("INSERT INTO t SELECT n, 'new' FROM generate_series(3001, 3010) n")
            // A crash leaves it with no row; the second time, something has been loaded before anybody looked.
            let left = isAhead ? "false" : "id = 3000"
            try await pair.target.run("DELETE FROM t WHERE NOT (\(left))")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    /// Slices that do not fit together are copied from the start, but not over rows of others.
    @Test func `at a table that others have written to empties it not`() async throws {
        let schema = """
            CREATE TABLE u (id uuid PRIMARY KEY, v text);
            INSERT INTO u SELECT md5(n::text)::uuid, repeat(md5(n::text), 8) FROM generate_series(1, 6000) n; ANALYZE
            """
        try await DatabasePair.with(schema) { pair in
            let migration = pair.migration { ($0.maxRate, $0.jobs) = (400 << 10, 1) }
            let precopy = Task { try await migration.precopy() }
            while (try? await pair.target.value("SELECT count(*) > 0 FROM u")) != "t" {
                try await Task.sleep(for: .milliseconds(20))
            }
            try await pair.target.run("INSERT INTO u VALUES (gen_random_uuid(), 'theirs')")
            let error = await #expect(throws: LedgerError.self) { _ = try await precopy.value }
            #expect(error?.code == .targetWritten && error?.message.contains("public.u") == true)
            #expect(try await pair.target.value("SELECT count(*) FROM u WHERE v = 'theirs'") == "1")
        }
    }
}
