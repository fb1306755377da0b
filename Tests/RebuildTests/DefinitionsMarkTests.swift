import Catalog
import Postgres
import TestSupport
import Testing

@Suite struct `A mark of the definitions` {
    private static let schema = """
        CREATE TYPE mood AS ENUM ('low'); CREATE TYPE parts AS (a int); CREATE SEQUENCE numbers;
        CREATE TABLE t (id int PRIMARY KEY, v text, m mood); INSERT INTO t SELECT n FROM generate_series(1, 100) n;
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW w AS SELECT id FROM t;
        CREATE INDEX t_v ON t (v)
        """

    /// Returns a mark that holds while nothing changes; other tests on the same server may invalidate one.
    private func standingMark(_ connection: ThreadConfined<Connection>) async throws -> DefinitionsMark {
        for _ in 0..<300 {
            let mark = try await connection.run { try DefinitionsMark(of: $0) }
            if try await connection.run({ try mark.holds(on: $0) }) { return mark }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw PostgresError(.unexpectedAnswer, "no mark holds, though nothing is done")
    }

    /// Whether a valid mark holds after `change`; tried several times, because other tests may invalidate it.
    private func holds(after change: String, attempts: Int) async throws -> Bool {
        var result = false
        try await DatabasePair.with(Self.schema) { pair in
            try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
                for _ in 0..<attempts where !result {
                    let mark = try await standingMark(connection)
                    try await pair.source.run(change)
                    result = try await connection.run { try mark.holds(on: $0) }
                }
            }
        }
        return result
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                "CREATE TABLE u ()", "DROP VIEW w", "ALTER TABLE t ADD COLUMN c int", "COMMENT ON TABLE t IS 'said'",
                "GRANT SELECT ON t TO PUBLIC",
                "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
                "ALTER TYPE mood ADD VALUE 'high'",
                "ALTER TYPE mood RENAME VALUE 'low' TO 'lower'", "ALTER TYPE parts DROP ATTRIBUTE a", "DROP INDEX t_v",
                "ALTER SEQUENCE numbers INCREMENT 2", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
                "ALTER TABLE t ALTER v SET STATISTICS 7",
            ]
        )
    )
    func `becomes invalid when a definition changes`(_ change: String) async throws {
        #expect(try await !holds(after: change, attempts: 1))
    }

    @Test(arguments: [
        "UPDATE t SET v = 'x'; INSERT INTO t SELECT max(id) + 1 FROM t", "SELECT nextval('numbers')",
        "SELECT lo_from_bytea(0, 'x')",
    ])
    func `remains valid when rows are written`(_ change: String) async throws {
        #expect(try await holds(after: change, attempts: 300))
    }
}
