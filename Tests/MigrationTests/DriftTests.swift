import Catalog
import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

/// In each case, the table is copied ahead, rows are written, the definition changes, and rows are written again.
@Suite struct `A table that changes after it was copied` {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: String
        /// A query that must have the same result on both sides, besides equal rows.
        var proof = "SELECT 1"
        /// Whether the existing copy is kept and only the delta is copied.
        var isCopyKept = true

        init(_ name: String, _ change: String, proof: String = "SELECT 1", isCopyKept: Bool = true) {
            testDescription = name
            self.change = change
            self.proof = proof
            self.isCopyKept = isCopyKept
        }
    }

    private static let schema = """
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE TABLE t (id bigint PRIMARY KEY, a text DEFAULT 'first', b text, n varchar(10), i int, m mood,
                        CHECK (i > 0));
        INSERT INTO t SELECT n, 'a' || n, 'b' || n, 'n' || n, n, 'good' FROM generate_series(1, 3000) n;
        CREATE TABLE u (id bigint PRIMARY KEY, a text, b text, n varchar(10), i int, m mood);
        INSERT INTO u SELECT n, 'ua' || n, 'ub' || n, 'un' || n, n, 'bad' FROM generate_series(1, 2000) n;
        CREATE TYPE kind AS ENUM ('a', 'b', 'c');
        CREATE TABLE k (kind kind, id int, v text, PRIMARY KEY (kind, id));
        INSERT INTO k SELECT (enum_range(NULL::kind))[1 + n % 3], n, repeat('v', 200) FROM generate_series(1, 2000) n;
        CREATE TABLE hidden (id serial PRIMARY KEY, v text);
        INSERT INTO hidden (v) SELECT 'v' FROM generate_series(1, 500);
        CREATE INDEX t_a ON t (a);
        CREATE VIEW v AS SELECT id, i FROM t;
        ANALYZE;
        """

    private static let columns = """
        SELECT string_agg(format('%s %s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull,
                          coalesce(pg_get_expr(adbin, adrelid), '-'), attidentity), ', ' ORDER BY attname)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped
        """

    static let cases = [
        Case("a column that is NULL", "ALTER TABLE t ADD COLUMN c int", proof: columns),
        Case(
            "a column with a constant default",
            "ALTER TABLE t ADD COLUMN c timestamptz NOT NULL DEFAULT now(); ALTER TABLE t ALTER c SET DEFAULT '2001-01-01Z'",
            proof: columns
        ),
        Case(
            "a column with a constant default, then the file rewritten",
            "ALTER TABLE t ADD COLUMN c timestamptz NOT NULL DEFAULT now();\nVACUUM FULL t",
            proof: columns,
            isCopyKept: false
        ),
        Case(
            "a column with a volatile default",
            "ALTER TABLE t ADD COLUMN c double precision NOT NULL DEFAULT random()",
            proof: columns,
            isCopyKept: false
        ),
        Case(
            "a serial column",
            "ALTER TABLE t ADD COLUMN c serial",
            proof: "SELECT nextval('t_c_seq')",
            isCopyKept: false
        ),
        Case(
            "an identity column",
            "ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS IDENTITY",
            proof: columns,
            isCopyKept: false
        ),
        Case(
            "a generated column",
            "ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (i * 2) STORED",
            proof: columns,
            isCopyKept: false
        ),
        Case("a column dropped", "ALTER TABLE t DROP COLUMN b", proof: columns),
        Case(
            "an indexed column dropped",
            "ALTER TABLE t DROP COLUMN a",
            proof: "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"
        ),
        Case(
            "a column dropped and recreated",
            "ALTER TABLE t DROP COLUMN b, ADD COLUMN b text DEFAULT 'new'",
            proof: columns
        ),
        Case("a column renamed", "ALTER TABLE t RENAME COLUMN b TO c", proof: columns),
        Case("the key's column renamed", "ALTER TABLE u RENAME COLUMN id TO number"),
        Case(
            "two columns that swap their names",
            "BEGIN; ALTER TABLE t RENAME COLUMN a TO x; ALTER TABLE t RENAME COLUMN b TO a; ALTER TABLE t RENAME COLUMN x TO b; COMMIT",
            proof: "SELECT pg_get_indexdef('t_a'::regclass)"
        ),
        Case("a type changed without writing rows", "ALTER TABLE t ALTER COLUMN n TYPE text", proof: columns),
        Case(
            "a type changed, all rows written",
            "ALTER TABLE t ALTER COLUMN b TYPE bytea USING b::bytea",
            proof: columns,
            isCopyKept: false
        ),
        Case(
            "a type changed that a view shows",
            "BEGIN; DROP VIEW v; ALTER TABLE t ALTER COLUMN i TYPE bigint; CREATE VIEW v AS SELECT id, i FROM t; COMMIT",
            proof: "SELECT pg_get_viewdef('v'::regclass) || \(typeOf("v", "i"))::text",
            isCopyKept: false
        ),
        Case("a default changed", "ALTER TABLE t ALTER COLUMN a SET DEFAULT 'second'", proof: columns),
        Case("a default dropped", "ALTER TABLE t ALTER COLUMN a DROP DEFAULT", proof: columns),
        Case(
            "NULL forbidden after it was filled",
            "UPDATE t SET b = NULL WHERE id < 10; UPDATE t SET b = 'x' WHERE b IS NULL; ALTER TABLE t ALTER COLUMN b SET NOT NULL",
            proof: columns
        ),
        Case(
            "a check that old rows did not satisfy",
            "UPDATE t SET i = i + 5; ALTER TABLE t ADD CONSTRAINT five CHECK (i > 5)",
            proof:
                "SELECT string_agg(pg_get_constraintdef(oid), ';' ORDER BY conname) FROM pg_constraint WHERE conrelid = 't'::regclass"
        ),
        Case(
            "a check dropped that new rows do not satisfy",
            "ALTER TABLE t DROP CONSTRAINT t_i_check; INSERT INTO t (id, i) VALUES (90000, -1)",
            proof: "SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass"
        ),
        Case(
            "NULL allowed again",
            "ALTER TABLE u ALTER COLUMN id SET NOT NULL; ALTER TABLE t ALTER COLUMN b DROP NOT NULL"
        ),
        Case("an enum label added", "ALTER TYPE mood ADD VALUE 'fair' BEFORE 'bad'", proof: labels),
        Case("an enum label renamed", "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'", proof: labels),
        Case(
            "a label of an enum in the key",
            "ALTER TYPE kind RENAME VALUE 'b' TO 'z'; UPDATE k SET v = 'u' WHERE id = 7",
            proof: labels
        ),
        Case("an index added", "CREATE INDEX t_i ON t (i)", proof: "SELECT pg_get_indexdef('t_i'::regclass)"),
        Case(
            "an index recreated with another definition",
            "DROP INDEX t_a; CREATE INDEX t_a ON t (a, b)",
            proof: "SELECT pg_get_indexdef('t_a'::regclass)"
        ),
        Case("an index dropped", "DROP INDEX t_a", proof: "SELECT to_regclass('t_a') IS NULL"),
        Case(
            "another unique key",
            "CREATE UNIQUE INDEX t_i ON t (i); UPDATE t SET i = i + 10000 WHERE id < 50",
            proof: "SELECT pg_get_indexdef('t_i'::regclass)"
        ),
        Case(
            "another primary key",
            "ALTER TABLE t DROP CONSTRAINT t_pkey, ALTER i SET NOT NULL, ADD PRIMARY KEY (i)",
            proof: "SELECT pg_get_indexdef('t_pkey'::regclass)",
            isCopyKept: false
        ),
        Case("the key dropped", "ALTER TABLE u DROP CONSTRAINT u_pkey; DELETE FROM u WHERE id = 5", isCopyKept: false),
        Case(
            "a new table",
            """
            CREATE TYPE colour AS ENUM ('red');
            CREATE TABLE late (id serial PRIMARY KEY, c colour, t_id bigint REFERENCES t ON UPDATE CASCADE ON DELETE CASCADE);
            INSERT INTO late (c, t_id) SELECT 'red', id FROM t LIMIT 500;
            CREATE VIEW of_late AS SELECT * FROM late;
            COMMENT ON TABLE late IS 'late';
            GRANT SELECT ON late TO PUBLIC
            """,
            proof: """
                SELECT obj_description('late'::regclass) || pg_get_viewdef('of_late'::regclass) || relacl::text
                       || (SELECT count(*) FROM pg_constraint WHERE conrelid = 'late'::regclass)
                FROM pg_class WHERE oid = 'late'::regclass
                """
        ),
        Case("a table dropped", "DROP TABLE u", proof: "SELECT to_regclass('u') IS NULL"),
        Case(
            "a table dropped and recreated",
            "DROP TABLE u; CREATE TABLE u (id bigint PRIMARY KEY, z int); INSERT INTO u SELECT n, n FROM generate_series(1, 999) n"
        ),
        Case("a table renamed", "ALTER TABLE t RENAME TO w", proof: "SELECT to_regclass('t') IS NULL"),
        Case(
            "a table moved to another schema",
            "CREATE SCHEMA s; ALTER TABLE u SET SCHEMA s",
            proof: "SELECT to_regclass('u') IS NULL AND to_regclass('s.u') IS NOT NULL"
        ),
        Case(
            "two tables that swap their names",
            "BEGIN; ALTER TABLE t RENAME TO x; ALTER TABLE u RENAME TO t; ALTER TABLE x RENAME TO u; COMMIT",
            proof: "SELECT pg_get_indexdef('t_a'::regclass)"
        ),
        Case(
            "a table with a serial column renamed and moved",
            "CREATE SCHEMA elsewhere; ALTER TABLE hidden RENAME TO shown; ALTER TABLE shown SET SCHEMA elsewhere",
            proof: "SELECT pg_get_serial_sequence('elsewhere.shown', 'id')"
        ),
        Case(
            "a table that becomes unlogged",
            "ALTER TABLE t SET UNLOGGED",
            proof: "SELECT relpersistence FROM pg_class WHERE relname = 't'"
        ),
        Case(
            "a table that inherits",
            "CREATE TABLE p (id bigint NOT NULL); ALTER TABLE u INHERIT p",
            proof: "SELECT count(*) FROM p"
        ),
        Case("all rows deleted", "TRUNCATE t"),
        Case(
            "all rows deleted and others inserted",
            "TRUNCATE t; INSERT INTO t (id, i) SELECT n, n FROM generate_series(1, 100) n"
        ),
        Case("rows in another order on disk", "CLUSTER t USING t_a; UPDATE t SET b = 'c' WHERE id % 100 = 0"),
    ]

    private static let labels =
        "SELECT string_agg(enumlabel, ',' ORDER BY enumtypid::regtype::text, enumsortorder) FROM pg_enum"

    private static func typeOf(_ table: String, _ column: String) -> String {
        "(SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = '\(table)'::regclass AND attname = '\(column)')"
    }

    @Test(arguments: Cases.some(3, of: cases)) func `is followed by the next pass`(of change: Case) async throws {
        try await follow(change) { pair in
            let second = try await pair.migration().precopy()
            #expect(
                second.warnings.contains { $0.contains("copied again") } == !change.isCopyKept,
                "\(second.warnings)"
            )
        }
    }

    @Test(arguments: Cases.some(3, of: cases)) func `is followed during cutover`(of change: Case) async throws {
        try await follow(change) { _ in }
    }

    private func follow(_ change: Case, between: (DatabasePair) async throws -> Void) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await write(pair)
            for statement in change.change.split(separator: ";\n") { try await pair.source.run(String(statement)) }
            try await between(pair)
            try await write(pair)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            let proof = try await pair.source.value(change.proof)
            #expect(try await pair.target.value(change.proof) == proof)
        }
    }

    @Test(.onceIn(2)) func `is noticed during a pass, and followed by the next`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration(chunkBytes: 8192).precopy()
            try await pair.source.run("UPDATE t SET b = 'u'")
            let begun = Flag()
            let slow = pair.migration(chunkBytes: 8192) { $0.jobs = 1 }
            let watched = Migration(source: slow.source, target: slow.target, options: slow.options) { event in
                if case .phaseBegan(.copyAndBuild) = event { begun.raise() }
            }
            async let change: Void = {
                while !begun.isRaised { try await Task.sleep(for: .milliseconds(1)) }
                try await pair.source.run(
                    "ALTER TABLE t ADD COLUMN c int DEFAULT 5; UPDATE t SET c = 6 WHERE id % 3 = 0"
                )
            }()
            // Rows read after the change without the new column would get a mark, and its values would be missed.
            let error = await #expect(throws: PostgresError.self) { try await watched.precopy() }
            #expect(error?.description.contains("have just changed") == true, "\(String(describing: error))")
            try await change
            _ = try await pair.migration().precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }

    /// Updates and deletes some rows in all tables.
    private func write(_ pair: DatabasePair) async throws {
        try await pair.source.run(
            """
            DO $$
            DECLARE r record;
            BEGIN
                FOR r IN SELECT c.oid::regclass AS name FROM pg_class c
                         WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
                           AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'id') LOOP
                    EXECUTE format('DELETE FROM ONLY %s WHERE id %% 500 = 3', r.name);
                    EXECUTE format('UPDATE ONLY %s SET id = id + 10000 WHERE id %% 500 = 4', r.name);
                END LOOP;
            END $$
            """
        )
    }
}
