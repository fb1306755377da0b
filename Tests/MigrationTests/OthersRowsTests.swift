import Ledger
import Planning
import Postgres
import TestSupport
import Testing
import Tidemark

/// What others write on the target before the first cutover has ended: their rows are never deleted.
@Suite struct `Rows of others on the target` {
    private static let schema = """
        CREATE TABLE big (id int PRIMARY KEY, code int, v text);
        CREATE TABLE coded (id int PRIMARY KEY, code int UNIQUE, v text);
        CREATE TABLE small (id int PRIMARY KEY, v text);
        CREATE TABLE tiny (v text);
        CREATE TABLE keyless (id int, v text);
        CREATE UNLOGGED TABLE volatile (id int PRIMARY KEY, code int, v text);
        CREATE TABLE part (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (1000);
        CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (1000) TO (100000);
        INSERT INTO big SELECT n, n, md5(n::text) FROM generate_series(1, 20000) n;
        INSERT INTO coded SELECT n, n, md5(n::text) FROM generate_series(1, 20000) n;
        INSERT INTO volatile SELECT n, n, md5(n::text) FROM generate_series(1, 20000) n;
        INSERT INTO part SELECT n, md5(n::text) FROM generate_series(1, 20000) n;
        INSERT INTO small SELECT n, 'x' FROM generate_series(1, 20) n;
        INSERT INTO tiny SELECT 'x' FROM generate_series(1, 20) n;
        INSERT INTO keyless SELECT n, md5(n::text) FROM generate_series(1, 20000) n;
        SELECT lo_from_bytea(4242, 'one');
        ANALYZE
        """

    private static func migration(_ pair: DatabasePair) -> Migration {
        pair.migration(chunkBytes: 256 << 10, wholeBelowBytes: 24 << 10)
    }

    /// A write on the target, and one on the source that makes the run delete its row, or copy one again that it lacks.
    static let writes: [(theirs: String, onSource: String, table: String)] = [
        ("INSERT INTO big VALUES (0, 0, 'theirs')", "DELETE FROM big WHERE id = 5", "public.big"),
        ("UPDATE big SET v = 'theirs' WHERE id = 7", "UPDATE big SET code = 0 WHERE id = 7", "public.big"),
        ("UPDATE big SET id = -9 WHERE id = 9", "UPDATE big SET code = 0 WHERE id = 9", "public.big"),
        ("DELETE FROM big WHERE id IN (8, 9)", "UPDATE big SET code = 0 WHERE id = 8", "public.big"),
        ("INSERT INTO coded VALUES (0, 0, 'theirs')", "DELETE FROM coded WHERE id = 5", "public.coded"),
        ("UPDATE coded SET v = 'theirs' WHERE id = 7", "UPDATE coded SET code = 0 WHERE id = 7", "public.coded"),
        ("DELETE FROM coded WHERE id IN (8, 9)", "UPDATE coded SET code = -id WHERE id = 8", "public.coded"),
        ("UPDATE part SET v = 'theirs' WHERE id = 7", "UPDATE part SET v = '' WHERE id = 7", "public.part"),
        ("INSERT INTO small VALUES (0, 'theirs')", "SELECT 1", "public.small"),
        ("INSERT INTO tiny VALUES ('theirs')", "SELECT 1", "public.tiny"),
        ("INSERT INTO keyless VALUES (7, 'theirs')", "SELECT 1", "public.keyless"),
        ("SELECT lo_create(4711)", "SELECT 1", "pg_largeobject_metadata"),
    ]

    @Test(arguments: Cases.some(3, of: writes.indices))
    func `are never deleted`(_ number: Int) async throws {
        let write = Self.writes[number]
        try await DatabasePair.with(Self.schema) { pair in
            let migration = Self.migration(pair)
            #expect(try await migration.precopy().outcome == .done)
            try await pair.target.run(write.theirs)
            try await pair.source.run(write.onSource)
            let error = await #expect(throws: LedgerError.self) { try await migration.cutover() }
            #expect(
                error?.code == .targetWritten && error?.message.contains(write.table) == true,
                "\(error.map { "\($0)" } ?? "")"
            )
            #expect(try await pair.target.value(Self.theirs) == Self.expected(write.theirs))
        }
    }

    private static let theirs = """
        SELECT (SELECT count(*) FROM big WHERE v = 'theirs' OR id < 1)
             + (SELECT count(*) FROM coded WHERE v = 'theirs') + (SELECT count(*) FROM part WHERE v = 'theirs')
             + (SELECT count(*) FROM small WHERE v = 'theirs') + (SELECT count(*) FROM tiny WHERE v = 'theirs')
             + (SELECT count(*) FROM keyless WHERE v = 'theirs')
             + (SELECT count(*) FROM pg_largeobject_metadata WHERE oid = 4711)
        """
    private static func expected(_ write: String) -> String { write.utf8.starts(with: "DELETE".utf8) ? "0" : "1" }

    /// A server that crashes empties its unlogged tables, which is nobody's write.
    @Test func `are not what a crash has taken away`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let migration = Self.migration(pair)
            #expect(try await migration.precopy().outcome == .done)
            try await pair.target.run("DELETE FROM volatile WHERE id IN (8, 9)")
            try await pair.source.run("UPDATE volatile SET code = -id WHERE id = 8")
            #expect(try await migration.cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    /// What an adopted target held is the run's, also if it has to go later.
    @Test(.onceIn(2)) func `are not those that the target was adopted with`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run(Self.schema)
            try await pair.target.run("INSERT INTO big VALUES (0, 0, 'old'); INSERT INTO small VALUES (0, 'old')")
            let migration = pair.migration(chunkBytes: 256 << 10, wholeBelowBytes: 24 << 10) {
                $0.targetContents = .rows
            }
            #expect(try await migration.precopy().outcome == .done)
            try await pair.source.run(
                """
                UPDATE big SET code = 0 WHERE id % 100 = 7; DELETE FROM big WHERE id % 100 = 8;
                UPDATE coded SET code = -id WHERE id % 100 = 7; UPDATE part SET v = '' WHERE id % 100 = 7;
                DELETE FROM small WHERE id = 3; SELECT lo_unlink(4242)
                """
            )
            #expect(try await migration.cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
            try await pair.source.run("UPDATE big SET code = 1 WHERE id % 100 = 9")
            #expect(try await migration.cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    /// Adopting is for the days before: on the night nobody has asked for it.
    @Test(.onceIn(2)) func `are not adopted by a cutover`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run(Self.schema)
            let migration = pair.migration(chunkBytes: 256 << 10, wholeBelowBytes: 24 << 10) {
                $0.targetContents = .rows
            }
            #expect(try await migration.precopy().outcome == .done)
            try await pair.target.run("UPDATE big SET v = 'theirs' WHERE id = 7")
            try await pair.source.run("UPDATE big SET code = 0 WHERE id = 7")
            let error = await #expect(throws: LedgerError.self) { try await migration.cutover() }
            #expect(error?.code == .targetWritten)
            #expect(try await migration.precopy().outcome == .done)
            #expect(try await migration.cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    /// The server rewrites a table when a column's type changes: every row is then of that transaction.
    @Test(.onceIn(2)) func `are not those that a change of the table has rewritten`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let migration = Self.migration(pair)
            #expect(try await migration.precopy().outcome == .done)
            try await pair.source.run(
                "ALTER TABLE big ALTER code TYPE bigint; ALTER TABLE coded ADD extra float DEFAULT random()"
            )
            #expect(try await migration.precopy().outcome == .done)
            for statement in ["VACUUM FULL big", "VACUUM FREEZE coded", "VACUUM FULL part_low"] {
                try await pair.target.run(statement)
            }
            try await pair.source.run(
                """
                UPDATE big SET code = 0 WHERE id % 100 = 7; DELETE FROM big WHERE id % 100 = 8;
                UPDATE coded SET code = -id WHERE id % 100 = 7; DELETE FROM coded WHERE id % 100 = 8;
                UPDATE part SET v = '' WHERE id % 100 = 7
                """
            )
            #expect(try await migration.cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }
}
