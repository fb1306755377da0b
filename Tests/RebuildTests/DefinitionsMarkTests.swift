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

    /// Whether it holds after `change`; a transaction of another test may have been open when it was taken, hence tried again.
    private func holds(after change: String) async throws -> Bool {
        var result = false
        try await DatabasePair.with(Self.schema) { pair in
            try await ThreadConfined.with(pair.source.endpoint, purpose: "test") { connection in
                var mark = try await connection.run { try DefinitionsMark(of: $0) }
                for _ in 0..<100 where try await !connection.run({ [mark] in try mark.holds(on: $0) }) {
                    try await Task.sleep(for: .milliseconds(200))
                    mark = try await connection.run { try DefinitionsMark(of: $0) }
                }
                try await pair.source.run(change)
                result = try await connection.run { [mark] in try mark.holds(on: $0) }
            }
        }
        return result
    }

    @Test(arguments: [
        "CREATE TABLE u ()", "DROP VIEW w", "ALTER TABLE t ADD COLUMN c int", "COMMENT ON TABLE t IS 'said'",
        "GRANT SELECT ON t TO PUBLIC",
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'", "ALTER TYPE mood ADD VALUE 'high'",
        "ALTER TYPE mood RENAME VALUE 'low' TO 'lower'", "ALTER TYPE parts DROP ATTRIBUTE a", "DROP INDEX t_v",
        "ALTER SEQUENCE numbers INCREMENT 2", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER TABLE t ALTER v SET STATISTICS 7",
    ])
    func `falls when a definition changes`(_ change: String) async throws {
        #expect(try await !holds(after: change))
    }

    @Test(arguments: [
        "UPDATE t SET v = 'x'; INSERT INTO t VALUES (1000)", "SELECT nextval('numbers')",
        "SELECT lo_from_bytea(4712, 'x')",
    ])
    func `stands when rows are written`(_ change: String) async throws {
        #expect(try await holds(after: change))
    }
}
