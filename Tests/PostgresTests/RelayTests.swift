import Postgres
import TestSupport
import Testing

@Suite struct `A relay` {
    private struct Ends {
        let source: Connection
        let target: Connection
    }

    private func relay(
        _ pair: DatabasePair,
        _ format: CopyFormat,
        columns: SQL = "n, t",
        target: SQL = "public.t"
    ) async throws -> CopyCount {
        let (here, there) = (pair.source.endpoint, pair.target.endpoint)
        return try await ThreadConfined<Ends>.with({ interrupter in
            try Ends(
                source: Connection(to: here, purpose: "test", interrupter: interrupter),
                target: Connection(to: there, purpose: "test", interrupter: interrupter)
            )
        }) { ends in
            try await ends.run { ends in
                defer {
                    // In any case, both ends must be usable again.
                    #expect(throws: Never.self) { try ends.source.query("SELECT 1") }
                    #expect(throws: Never.self) { try ends.target.query("SELECT 1") }
                }
                return try ends.source.relay(
                    "COPY (SELECT \(columns) FROM public.t) TO STDOUT \(format.clause)",
                    to: ends.target,
                    "COPY \(target) (\(columns)) FROM STDIN \(format.clause)"
                ) { _ in }
            }
        }
    }

    private static let schema = "CREATE TABLE t (n bigint, t text)"

    @Test(arguments: [CopyFormat.text, .binary], [0, 1, 3000])
    func `moves every row and counts them`(format: CopyFormat, rows: Int) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run(Self.schema)
            try await pair.source.run(
                "INSERT INTO t SELECT n, CASE WHEN n % 3 = 0 THEN NULL ELSE repeat('é\\t\\n', n % 50) END FROM generate_series(1, \(rows)) n"
            )
            let moved = try await relay(pair, format)
            #expect(moved.rows == rows)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(arguments: [CopyFormat.text, .binary])
    func `moves rows larger than a batch`(format: CopyFormat) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run(Self.schema)
            try await pair.source.run("INSERT INTO t SELECT n, repeat('x', 40000 * n) FROM generate_series(1, 25) n")
            #expect(try await relay(pair, format).rows == 25)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `fails when the target silently drops a row`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run(
                Self.schema,
                """
                CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN IF NEW.n = 2 THEN RETURN NULL; END IF; RETURN NEW; END $$;
                CREATE TRIGGER swallow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION swallow();
                """
            )
            try await pair.source.run("INSERT INTO t SELECT n, 'x' FROM generate_series(1, 3) n")
            let error = await #expect(throws: PostgresError.self) { try await relay(pair, .text) }
            #expect(error?.code == .copyFailed)
            #expect(error?.message == "the source sent 3 rows, 3 were relayed, and the target stored 2")
        }
    }

    @Test func `reports the target's error, and stops early when the target fails`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run("CREATE TABLE t (n bigint CHECK (n <> 2), t text)")
            try await pair.source.run("INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 200000) n")
            let error = await #expect(throws: PostgresError.self) { try await relay(pair, .text) }
            #expect(error?.sqlState == "23514")
        }
    }

    @Test func `reports the error of a missing target table`() async throws {
        try await DatabasePair.with("CREATE TABLE t (n bigint, t text)") { pair in
            try await pair.target.run(Self.schema)
            try await pair.source.run(
                "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 1000) n; UPDATE t SET n = 0 WHERE n = 900"
            )
            let error = await #expect(throws: PostgresError.self) {
                try await relay(pair, .text, columns: "n, t", target: "public.missing")
            }
            #expect(error?.sqlState == "42P01")
        }
    }
}
