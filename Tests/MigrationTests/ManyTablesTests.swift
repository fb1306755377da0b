import Ledger
import Postgres
import Rebuild
import TestSupport
import Testing
import Tidemark

@Suite struct `Thousands of tables` {
    private static let tables = 2000

    /// Creates tables in many short transactions, because other tests wait for the oldest one that is open.
    private static func makeTables(_ source: TestDatabase) async throws {
        for first in stride(from: 1, through: tables, by: 50) {
            try await source.run(
                """
                DO $$ BEGIN
                    FOR n IN \(first)..\(first + 49) LOOP
                        EXECUTE format('CREATE TABLE t%s AS SELECT n, n * 2 AS m FROM generate_series(1, %s) n', n, n % 7);
                    END LOOP;
                END $$
                """
            )
        }
    }

    /// Prevents the creation of one table, late in the order of the definitions.
    private static let obstacle = """
        CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.t990') THEN
                RAISE EXCEPTION 'no room for it';
            END IF;
        END $$;
        CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION refuse()
        """

    /// The servers of the tests have room for 7040 locks.
    @Test(.onceIn(3)) func `are created in several transactions, and resume after one of them fails`() async throws {
        try await DatabasePair.with { pair in
            try await Self.makeTables(pair.source)
            try await pair.target.run(Self.obstacle)
            let error = await #expect(throws: PostgresError.self) { try await pair.migration().precopy() }
            #expect(error?.message.contains("no room for it") == true)
            let made =
                Int(try await pair.target.value("SELECT count(*) FROM tidemark.definition WHERE kind = 'TABLE'")) ?? 0
            #expect(made > 500 && made < Self.tables)
            #expect(try await pair.target.value("SELECT count(*) FROM pg_class WHERE relname ~ '^t\\d+$'") == "\(made)")

            // A cutover does not do the work of precopy.
            let early = await #expect(throws: LedgerError.self) { try await pair.migration().cutover() }
            #expect(early?.code == .missing)

            // The existing tables come from the definitions at that time.
            try await pair.target.run("DROP EVENT TRIGGER refuse; DROP FUNCTION refuse()")
            try await pair.source.run("ALTER TABLE t1 RENAME TO renamed")
            let refused = await #expect(throws: ToolError.self) { try await pair.migration().precopy() }
            #expect(refused?.description.contains("definitions changed while") == true)
            try await pair.source.run("ALTER TABLE renamed RENAME TO t1")

            #expect(try await pair.migration().precopy().outcome == .done)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.transfer.chunks == Self.tables)
            for table in ["t1", "t990", "t2000"] {
                let rows = "SELECT string_agg(n || ' ' || m, ',' ORDER BY n) FROM \(table)"
                #expect(try await pair.target.column(rows) == pair.source.column(rows))
            }
        }
    }
}
