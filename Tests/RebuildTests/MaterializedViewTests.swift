import TestSupport
import Testing
import Tidemark

@Suite struct `A materialized view's indexes` {
    private static let schema = """
        CREATE TABLE orders (id int PRIMARY KEY, account int, total int);
        INSERT INTO orders SELECT n, n % 50, n FROM generate_series(1, 2000) n;
        CREATE MATERIALIZED VIEW totals AS SELECT account, sum(total) AS total FROM orders GROUP BY account;
        CREATE UNIQUE INDEX totals_account ON totals (account);
        CREATE INDEX totals_total ON totals (total DESC) WHERE total > 10;
        CREATE INDEX totals_text ON totals ((account::text || total::text));
        ALTER MATERIALIZED VIEW totals CLUSTER ON totals_account;
        CREATE MATERIALIZED VIEW best AS SELECT * FROM totals ORDER BY total DESC LIMIT 10;
        CREATE UNIQUE INDEX best_account ON best (account);
        CREATE MATERIALIZED VIEW "idle One" AS SELECT id AS account FROM orders WITH NO DATA;
        CREATE UNIQUE INDEX "idle Key" ON "idle One" (account); CREATE INDEX idle_other ON "idle One" (account DESC);
        ANALYZE
        """

    private func indexes(_ database: TestDatabase) async throws -> [String] {
        try await database.column(
            """
            SELECT pg_get_indexdef(indexrelid) || indisvalid::text || indisready::text || indislive::text || indisclustered::text FROM pg_index
            WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) ORDER BY 1
            """
        )
    }

    @Test(arguments: Cases.some(1, of: [true, false])) func `are built if they are missing, invalid or different`(
        concurrently: Bool
    ) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            let wanted = try await indexes(pair.source)
            #expect(try await indexes(pair.target) == wanted)
            try await pair.target.run(
                """
                DROP INDEX totals_account; DROP INDEX totals_text; DROP INDEX best_account; DROP INDEX "idle Key";
                DROP INDEX totals_total; CREATE INDEX totals_total ON totals (total);
                UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idle_other'::regclass
                """
            )
            let plan = try await pair.migration().rebuildStatements(concurrently: concurrently)
            #expect(plan.refused == [])
            let report = try await pair.migration().rebuild(concurrently: concurrently)
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.transfer.objects >= 6)
            #expect(try await indexes(pair.target) == wanted)
            #expect(try await pair.migration().rebuildStatements(concurrently: concurrently).statements == [])
            #expect(try await pair.migration().verify().outcome == .done)
            try await pair.target.run("REFRESH MATERIALIZED VIEW CONCURRENTLY totals")
            try await pair.target.run(#"REFRESH MATERIALIZED VIEW "idle One""#)
        }
    }

    @Test func `are built again when their view is, because a table of it was renamed`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().rehearse().outcome == .rehearsed)
            try await pair.source.run("ALTER TABLE orders RENAME TO purchases")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await indexes(pair.target) == indexes(pair.source))
        }
    }

    /// `guessed` may give another result by itself, so it has no digest.
    @Test func `are named if the last cutover did not come to refresh them`() async throws {
        try await DatabasePair.with(
            """
            \(Self.schema); CREATE FUNCTION guess() RETURNS int LANGUAGE sql AS 'SELECT 1';
            CREATE MATERIALIZED VIEW guessed AS SELECT id, guess() FROM orders
            """
        ) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().rehearse().outcome == .rehearsed)
            #expect(try await pair.migration().verify().outcome == .done)
            try await pair.source.run("UPDATE orders SET total = total + 1")
            let stop = StopRequest()
            let (options, source) = (pair.migration().options, pair.source.endpoint)
            let stopped = try await Migration(
                source: source,
                target: pair.target.endpoint,
                options: options,
                stop: stop
            ) {
                if case .phaseBegan(.materializedViews) = $0 { stop.request() }
            }.cutover()
            #expect(stopped.outcome == .stopped, "\(stopped.text)")
            let verify = try await pair.migration().verify()
            #expect(verify.outcome == .differs)
            let found = verify.verification?.findings ?? []
            #expect(
                found.map { "\($0.code) \($0.object)" } == [
                    "materialized-view.not-refreshed public.best", "materialized-view.not-refreshed public.guessed",
                    "materialized-view.not-refreshed public.totals",
                ],
                "\(verify.text)"
            )
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.migration().verify().outcome == .done)
            // From now on the target is its owner's.
            for side in [pair.source, pair.target] { try await side.run("UPDATE orders SET total = 1 WHERE id = 7") }
            #expect(try await pair.migration().verify().outcome == .done)
            let since = try await pair.migration().verify(sinceCutover: true)
            #expect(!since.text.contains("not-refreshed"), "\(since.text)")
        }
    }

    @Test func `are built from the ledger, and not touched if the view is excluded`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            let wanted = try await indexes(pair.target)
            try await pair.target.run(#"DROP INDEX totals_account; DROP INDEX "idle Key""#)
            let command = Command(
                environment: ["TIDEMARK_TARGET": pair.target.conninfo, "TIDEMARK_SOURCE": pair.source.conninfo]
            )
            let without = try await command.run(
                "rebuild",
                "--exclude",
                "public.totals",
                "--exclude",
                "public.idle One",
                "--dry-run"
            )
            #expect(without.code == 0 && without.output == "", "\(without.output)\(without.errors)")
            let outcome = try await command.run("rebuild", "--from-ledger", "--concurrently")
            #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
            #expect(try await indexes(pair.target) == wanted)
        }
    }
}
