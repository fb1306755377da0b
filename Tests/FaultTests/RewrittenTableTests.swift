import Postgres
import TestSupport
import Testing

@Suite struct `A table that is rewritten while it is compared` {
    /// Three tables that are counted before `t`: a transaction ends after eight parts, and the last of them is the first part of
    /// the target's `t`.
    private static let others = (1...3).map { number in
        """
        CREATE TABLE s\(number) (id int PRIMARY KEY, v text);
        INSERT INTO s\(number) SELECT n, repeat('x', 800) FROM generate_series(1, 2000) n
        """
    }.joined(separator: ";\n")
    private static let rows = """
        INSERT INTO t SELECT n, repeat('x', 800) FROM generate_series(1, 500) n;
        ANALYZE
        """
    /// 33,000 blocks, which are counted in two parts.
    ///
    /// All rows lie at the end, and VACUUM FULL moves them to the front.
    private static let target = """
        \(others);
        CREATE TABLE t (id int PRIMARY KEY, v text) WITH (fillfactor = 10, autovacuum_enabled = off);
        INSERT INTO t SELECT -n, repeat('x', 500) FROM generate_series(1, 33000) n;
        DELETE FROM t;
        \(rows);
        ALTER TABLE t RESET (fillfactor, autovacuum_enabled)
        """

    /// The source's tables are locked while they are compared; the target's are not.
    @Test(.onceIn(3)) func `is counted again, and no row is said to be missing`() async throws {
        try await DatabasePair.with(
            "\(Self.others); CREATE TABLE t (id int PRIMARY KEY, v text); \(Self.rows)"
        ) { pair in
            try await pair.target.run(Self.target)
            let file = "SELECT pg_relation_filenode('t')"
            let before = try await pair.target.value(file)
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let options = ["--jobs", "1", "--chunk-size", "64kB", "--whole-below", "8kB", "--quiet"]
            let target = pair.target
            let outcome = try await command.run(["verify"] + options, pauseAt: .partCounted, time: 8) {
                // It waits until the transaction that has read the first part ends, and is before the one that reads the next.
                Task { try await target.run("VACUUM FULL t") }
                let waiting = """
                    SELECT count(*) FROM pg_locks
                    WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted
                    """
                while try await target.value(waiting) == "0" { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(try await pair.target.value(file) != before)
            #expect(outcome.code == 0, "\(outcome.output) \(outcome.errors)")
        }
    }
}
