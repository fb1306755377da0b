import Planning
import Report
import TestSupport
import Testing
import Tidemark

/// Definitions that a server prints differently after parsing its own text again, or whose text has old names.
@Suite struct `A definition that is printed differently after it was restored` {
    /// `IN` over varchar is printed as a cast of an array; that text, parsed again, is printed as an array of casts.
    private static let schema = """
        CREATE FUNCTION f_old() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'x'::text $$;
        CREATE SEQUENCE s_old; CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TYPE pair AS (a int, b text);
        CREATE DOMAIN of_function AS text DEFAULT f_old(); CREATE DOMAIN of_sequence AS bigint DEFAULT nextval('s_old');
        CREATE DOMAIN of_text AS varchar(10) DEFAULT 'abc'; CREATE DOMAIN of_number AS numeric(5, 2) DEFAULT 1;
        CREATE DOMAIN of_char AS char(3) DEFAULT 'a'; CREATE DOMAIN of_label AS mood DEFAULT 'low';
        CREATE DOMAIN of_array AS varchar[] DEFAULT ARRAY['a', 'b']; CREATE DOMAIN of_row AS pair DEFAULT ROW(1, 'a');
        CREATE DOMAIN of_time AS timestamptz(0) DEFAULT now(); CREATE DOMAIN of_domain AS of_text DEFAULT 'q' || 'r';
        CREATE DOMAIN listed AS varchar(10) DEFAULT 'a' CONSTRAINT in_list CHECK (VALUE IN ('a', 'b'))
            CONSTRAINT "; in quotes" CHECK (VALUE <> ALL (ARRAY[';', 'x']::varchar[]));
        CREATE TABLE t (
            id int PRIMARY KEY, v varchar(10) DEFAULT 'a' CHECK (v IN ('a', 'b', 'abc')), n numeric(5, 2) DEFAULT 1,
            c char(3) DEFAULT 'a', m mood DEFAULT 'low', d listed,
            b boolean DEFAULT ('x'::varchar IN ('a', 'b')), x text CHECK (x ~~ ANY (ARRAY['a'::varchar, 'b'])),
            g text GENERATED ALWAYS AS (CASE WHEN v IN ('a', 'b') THEN 'a' ELSE 'b' END) STORED);
        INSERT INTO t (id) SELECT generate_series(1, 2000);
        CREATE INDEX t_partial ON t (v) WHERE v IN ('a', 'b');
        CREATE UNIQUE INDEX t_unique ON t (id, v) WHERE v NOT IN ('a', 'b');
        CREATE INDEX t_expression ON t ((CASE WHEN v IN ('a', 'b') THEN 1 END));
        ALTER TABLE t ADD CONSTRAINT t_excluded EXCLUDE USING btree (id WITH =) WHERE (v IN ('a', 'b'));
        ALTER TABLE t ADD CONSTRAINT t_not_valid CHECK (v IN ('a', 'c')) NOT VALID;
        CREATE VIEW w AS SELECT id, v FROM t WHERE v IN ('a', 'b');
        CREATE MATERIALIZED VIEW mw AS SELECT v, count(*) FROM t WHERE v IN ('a', 'b') GROUP BY v;
        CREATE TABLE u (id int PRIMARY KEY);
        CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE FUNCTION listed_by_default(a boolean DEFAULT 'x'::varchar IN ('a', 'b')) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE PROCEDURE done_by_default(a boolean DEFAULT 'x'::varchar IN ('a', 'b')) LANGUAGE sql AS 'SELECT 1';
        CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.v IN ('a', 'b')) EXECUTE FUNCTION noted();
        CREATE RULE r AS ON INSERT TO w DO INSTEAD INSERT INTO t (id, v) SELECT NEW.id, NEW.v WHERE NEW.v IN ('a', 'b');
        CREATE RULE r_when AS ON UPDATE TO t WHERE new.v IN ('a', 'b') DO ALSO INSERT INTO u VALUES (new.id);
        ALTER DOMAIN listed ADD CONSTRAINT late CHECK (VALUE IN ('a', 'c')) NOT VALID;
        CREATE VIEW with_default AS SELECT id, b FROM t;
        ALTER VIEW with_default ALTER b SET DEFAULT ('x'::varchar IN ('a', 'b'));
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON t USING (v IN ('a', 'b')) WITH CHECK (v IN ('a', 'b'));
        CREATE TABLE part (id int, v varchar(5)) PARTITION BY LIST ((CASE WHEN v IN ('a', 'b') THEN 1 ELSE 2 END));
        CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1); CREATE TABLE part_2 PARTITION OF part DEFAULT;
        INSERT INTO part SELECT n, CASE n % 3 WHEN 0 THEN 'a' ELSE 'z' END FROM generate_series(1, 1000) n;
        CREATE INDEX part_partial ON part (id) WHERE v IN ('a', 'b');
        ALTER FUNCTION f_old() RENAME TO f_new; ALTER SEQUENCE s_old RENAME TO s_new;
        ALTER TYPE mood RENAME VALUE 'low' TO 'lowest'; ALTER TYPE mood RENAME TO temper;
        ALTER TYPE pair RENAME ATTRIBUTE a TO aa; ALTER DOMAIN of_text RENAME TO of_letters;
        """
    /// Objects that PostgreSQL 13 does not support.
    private static let newer = """
        CREATE FUNCTION atomic(a varchar) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 WHERE a IN ('x', 'y'); END;
        CREATE STATISTICS st ON (v IN ('a', 'b')), id FROM t;
        """
    private static let publication = "CREATE PUBLICATION \"p %\" FOR TABLE t WHERE (id IN (1, 2))"

    private func prepare(_ pair: DatabasePair) async throws {
        let major = try await pair.source.majorVersion()
        if major >= 14 { try await pair.source.run(Self.newer) }
        if major >= 15 { try await pair.source.run(Self.publication) }
    }

    @Test func `is no difference, and is not rebuilt`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await prepare(pair)
            _ = try await pair.migration().precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.verification?.findings.filter { $0.severity != .note } == [])
            let verify = try await pair.migration { $0.verifiesInFull = true }.verify()
            #expect(verify.outcome == .done, "\(verify.text)")
            let (statements, refused) = try await pair.migration().rebuildStatements(concurrently: false)
            #expect(statements == [] && refused == [])
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `is a difference if it has another meaning`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                """
                DROP INDEX t_partial; CREATE INDEX t_partial ON t (v) WHERE v IN ('a', 'c');
                ALTER TABLE t DROP CONSTRAINT t_v_check; ALTER TABLE t ADD CONSTRAINT t_v_check CHECK (v IN ('a', 'b'));
                ALTER TABLE t ALTER b SET DEFAULT ('x'::varchar IN ('a', 'x'));
                ALTER DOMAIN listed DROP CONSTRAINT in_list;
                ALTER DOMAIN listed ADD CONSTRAINT in_list CHECK (VALUE IN ('a', 'b', 'c'));
                ALTER DOMAIN of_number SET DEFAULT 2; ALTER POLICY p ON t USING (v IN ('a', 'd'));
                CREATE OR REPLACE VIEW w AS SELECT id, v FROM t WHERE v IN ('a', 'e');
                CREATE OR REPLACE FUNCTION listed_by_default(a boolean DEFAULT 'x'::varchar IN ('a', 'f')) RETURNS int
                    LANGUAGE sql AS 'SELECT 1';
                """
            )
            let verify = try await pair.migration().verify()
            #expect(verify.outcome == .differs)
            let found = Set((verify.verification?.findings ?? []).map { "\($0.kind) \($0.object)" })
            #expect(
                found == [
                    "index public.t_partial on public.t", "check constraint \"t_v_check\" on public.t",
                    "column public.t.b", "domain public.listed", "domain public.of_number", "policy p on public.t",
                    "view public.w", "function public.listed_by_default(a boolean)",
                ],
                "\(verify.text)"
            )
        }
    }
}
