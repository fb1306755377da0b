import Archive
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Databases with user-defined casts, functions and operators, in which `'a' || 5` is ambiguous.
@Suite struct `Implicit casts` {
    private static let schema = """
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE TABLE t (id bigint PRIMARY KEY, v text DEFAULT 'v', m mood, u int UNIQUE);
        INSERT INTO t SELECT n, n::text, 'good', n FROM generate_series(1, 6000) n;
        CREATE TABLE named (name text, day date, v varchar(20), PRIMARY KEY (name, day));
        INSERT INTO named SELECT n::text, date '2024-01-01' + n % 30, 'x' FROM generate_series(1, 3000) n;
        CREATE TABLE child (id serial PRIMARY KEY, t_id bigint REFERENCES t);
        INSERT INTO child (t_id) SELECT n FROM generate_series(1, 3000) n;
        CREATE TABLE parts (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        INSERT INTO parts SELECT n, date '2024-01-01' + n % 30 FROM generate_series(1, 2000) n;
        CREATE TABLE log (line text); INSERT INTO log VALUES ('one'), ('two');
        CREATE INDEX of_v ON t (v) WHERE id > 5; CREATE VIEW seen AS SELECT id, v FROM t;
        CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM t;
        CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER remember BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION remember();
        CREATE POLICY everything ON named USING (true); CREATE STATISTICS of_t ON v, u FROM t;
        CREATE SEQUENCE s; COMMENT ON TABLE t IS 'a table'; GRANT SELECT ON t TO PUBLIC;
        SELECT lo_from_bytea(0, 'abc')
        """

    private static let changes = """
        UPDATE t SET v = 'changed' WHERE id % 1000 = 1; DELETE FROM child WHERE t_id BETWEEN 100 AND 120;
        INSERT INTO t SELECT n, 'new', 'bad', n FROM generate_series(7000, 7100) n;
        UPDATE named SET v = 'y' WHERE name = '7'; DELETE FROM named WHERE name = '8';
        UPDATE named SET name = 'renamed' WHERE name = '9'; INSERT INTO log VALUES ('three');
        ALTER TABLE log ADD COLUMN n int DEFAULT 5; CREATE TABLE later (id int PRIMARY KEY);
        ALTER TYPE mood ADD VALUE 'ugly'; ALTER TABLE t RENAME COLUMN v TO w
        """

    @Test(.onceIn(2)) func `do not break a migration`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            if !HostileDatabase.isWanted { try await pair.source.run(HostileDatabase.script) }
            let migration = pair.migration()
            let findings = try await migration.inspect().findings
            #expect(findings.filter { $0.severity == .stops }.isEmpty, "\(findings)")
            _ = try await migration.plan()
            #expect(try await migration.precopy().outcome == .done)
            try await pair.source.run(Self.changes)
            #expect(try await migration.precopy().outcome == .done)
            // With marks of another server, everything is compared.
            try await pair.target.run("UPDATE tidemark.chunk SET mark = jsonb_set(mark, '{timeline}', '77'::jsonb)")
            try await pair.source.run("UPDATE t SET w = 'again' WHERE id = 77::bigint")
            let cutover = try await migration.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(try await pair.differingTables() == [])
            try await Self.spoil(pair)
        }
    }

    /// Differences are named and repaired.
    private static func spoil(_ pair: DatabasePair) async throws {
        try await pair.target.run(
            """
            ALTER TABLE child DROP CONSTRAINT child_t_id_fkey; ALTER TABLE t DROP CONSTRAINT t_u_key;
            DROP INDEX of_v; UPDATE t SET w = 'wrong' WHERE id = 5::bigint
            """
        )
        let verify = try await pair.migration { $0.triesInserts = true }.verify()
        #expect(verify.outcome == .differs)
        let codes = Set(verify.verification?.findings.map(\.code) ?? [])
        #expect(
            codes.isSuperset(of: ["rows.value", "index.missing", "foreign-key.missing", "unique-constraint.missing"]),
            "\(verify.text)"
        )
        let rebuilt = try await pair.migration().rebuild(concurrently: true)
        #expect(rebuilt.outcome == .done, "\(rebuilt.text)")
        try await pair.target.run("UPDATE t SET w = '5' WHERE id = 5::bigint")
        let again = try await pair.migration { $0.verifiesInFull = true }.verify()
        #expect(again.outcome == .done, "\(again.text)")
        try await LedgerAdministration(target: pair.target.endpoint).finish(abandon: false)
    }

    @Test func `break neither a dump nor a restore`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            if !HostileDatabase.isWanted { try await pair.source.run(HostileDatabase.script) }
            try await TestArchive.with(pair) { archive in
                _ = try await archive.archive().dump(from: pair.source.endpoint)
                try await pair.source.run(Self.changes)
                _ = try await archive.archive().dump(from: pair.source.endpoint)
                try await archive.withEmptyTarget("restored") { target in
                    let ahead = try await archive.archive().restore(to: target.endpoint, until: 0, isAhead: true)
                    #expect(ahead.outcome == .done, "\(ahead.text)")
                }
                let report = try await archive.archive().restore(to: pair.target.endpoint)
                #expect(report.outcome == .done, "\(report.text)")
                #expect(try await pair.differingTables() == [])
                let verify = try await archive.archive().verify(pair.target.endpoint)
                #expect(verify.outcome == .done, "\(verify.text)")
            }
        }
    }
}
