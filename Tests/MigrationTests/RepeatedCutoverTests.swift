import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Until the target has taken writes of its own, each call of the cutover copies what the source has written since.
@Suite struct `A repeated cutover` {
    /// Everything that could act on copied rows: cascades, triggers, rules, a check that reads a table.
    private static let schema = """
        CREATE TABLE parent (id int PRIMARY KEY, v text);
        CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE, code int UNIQUE, v text);
        CREATE TABLE small (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE SET NULL);
        CREATE TABLE audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
        CREATE TABLE part (id int, at date, parent int REFERENCES parent, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE part_old PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
        CREATE TABLE part_new PARTITION OF part FOR VALUES FROM ('2025-01-01') TO ('2030-01-01');
        CREATE INDEX part_at ON part (at);
        CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO public.audit (what) VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
        CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON child FOR EACH ROW EXECUTE FUNCTION noted();
        CREATE TRIGGER emptied AFTER TRUNCATE ON small EXECUTE FUNCTION noted();
        CREATE TABLE shadow (id int);
        CREATE RULE shadowed AS ON INSERT TO parent DO ALSO INSERT INTO public.shadow VALUES (NEW.id);
        CREATE FUNCTION has_parent(int) RETURNS boolean LANGUAGE sql STABLE AS
            'SELECT EXISTS (SELECT FROM public.parent WHERE id = $1)';
        CREATE TABLE guarded (id int PRIMARY KEY, parent int CHECK (has_parent(parent)));
        CREATE TABLE kind (id int PRIMARY KEY, v text);
        CREATE TABLE kinded (id int PRIMARY KEY, kind int REFERENCES kind ON DELETE CASCADE, v text);
        CREATE MATERIALIZED VIEW totals AS SELECT parent, count(*) AS n FROM child GROUP BY parent;
        CREATE UNIQUE INDEX totals_parent ON totals (parent);
        CREATE VIEW grouped AS SELECT id, v FROM parent GROUP BY id;
        CREATE PUBLICATION everything FOR TABLE parent, child;
        INSERT INTO parent SELECT n, md5(n::text) FROM generate_series(1, 3000) n;
        INSERT INTO child SELECT n, n, n, md5(n::text) FROM generate_series(1, 3000) n;
        INSERT INTO kind SELECT n, 'k' FROM generate_series(1, 5) n;
        INSERT INTO kinded SELECT n, 1 + n % 5, md5(n::text) FROM generate_series(1, 1000) n;
        INSERT INTO small SELECT n, n FROM generate_series(1, 20) n;
        INSERT INTO part SELECT n, date '2024-06-01' + n % 400, n FROM generate_series(1, 2000) n;
        INSERT INTO guarded SELECT n, n FROM generate_series(1, 50) n;
        ANALYZE
        """

    /// Writes of every kind, different ones in each round.
    private static func writes(_ round: Int) -> String {
        """
        INSERT INTO parent SELECT 10000 * \(round) + n, 'new' FROM generate_series(1, 50) n;
        INSERT INTO child SELECT 10000 * \(round) + n, 10000 * \(round) + n, -n - 1000 * \(round), 'new'
            FROM generate_series(1, 50) n;
        UPDATE parent SET v = v || '\(round)' WHERE id % 97 = \(round);
        UPDATE child SET code = code + 100000 WHERE id BETWEEN 100 * \(round) AND 100 * \(round) + 50;
        DELETE FROM part WHERE parent BETWEEN 1500 + \(round) AND 1500 + 2 * \(round);
        DELETE FROM guarded WHERE id = \(round);
        INSERT INTO guarded VALUES (1000 + \(round), 10000 * \(round) + 1);
        DELETE FROM parent WHERE id BETWEEN 2000 + 20 * \(round) AND 2010 + 20 * \(round);
        INSERT INTO part SELECT 50000 + n, '2026-01-01', 10000 * \(round) + n - 100 * \(round)
            FROM generate_series(100 * \(round) + 1, 100 * \(round) + 20) n;
        UPDATE kind SET v = v || '\(round)' WHERE id = 1 + \(round) % 5;
        REFRESH MATERIALIZED VIEW totals
        """
    }

    /// A role that may write as a replica does keeps the foreign keys; any other takes them off.
    enum Owner: String, CaseIterable, Sendable { case superuser, ordinary }

    /// An ordinary role cannot create the casts of a hostile database.
    private static let owners = HostileDatabase.isWanted ? [Owner.superuser] : Owner.allCases

    private static func with(
        _ owner: Owner,
        _ body: (DatabasePair, Migration) async throws -> Void
    ) async throws {
        try await DatabasePair.with(schema) { pair in
            let plain = pair.migration {
                ($0.plan.chunkBytes, $0.plan.wholeBelowBytes) = (64 << 10, 16 << 10)
                if owner == .ordinary { $0.omissions = [.owners, .privileges] }
            }
            guard owner == .ordinary else { return try await body(pair, plain) }
            try await pair.createRole("repeated_owner", "LOGIN")
            try await pair.target.run("ALTER DATABASE \(pair.name) OWNER TO repeated_owner")
            if try await pair.target.majorVersion() < 15 {
                try await pair.target.run("ALTER SCHEMA public OWNER TO repeated_owner")
            }
            let target = try Endpoint(
                pair.target.conninfo.replacing("user=postgres", with: "user=repeated_owner"),
                side: .target
            )
            try await body(pair, Migration(source: plain.source, target: target, options: plain.options))
        }
    }

    private static let foreignKeys =
        "SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"

    private static let objects = """
        SELECT string_agg(x, ';' ORDER BY x) FROM (
            SELECT conrelid::regclass::text || conname::text || pg_get_constraintdef(oid) || convalidated::text
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE rulename = 'shadowed'
            UNION ALL SELECT pubname::text FROM pg_publication
            UNION ALL SELECT indexrelid::regclass::text || indisvalid::text FROM pg_index WHERE indrelid > 16384
                AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)) AS o(x)
        """

    private static func expectEqual(_ pair: DatabasePair, _ report: RunReport) async throws {
        #expect(report.outcome == .done, "\(report.text)")
        #expect(try await pair.differingTables() == [])
        let wanted = try await pair.source.value(objects)
        #expect(try await pair.target.value(objects) == wanted)
    }

    @Test(arguments: Cases.some(1, of: owners))
    func `copies what was written since, as often as it is called`(_ owner: Owner) async throws {
        try await Self.with(owner) { pair, migration in
            #expect(try await migration.precopy().outcome == .done)
            for round in 1...5 {
                try await pair.source.run(Self.writes(round))
                let before = try await pair.target.value(Self.foreignKeys)
                try await Self.expectEqual(pair, try await migration.cutover())
                let after = try await pair.target.value(Self.foreignKeys)
                #expect((before == after) == (owner == .superuser && round > 1))
            }
        }
    }

    /// The cutover of a night on which one writer was forgotten.
    @Test(arguments: Cases.some(1, of: owners))
    func `mends what a writer did after the first one's snapshot`(_ owner: Owner) async throws {
        try await Self.with(owner) { pair, migration in
            #expect(try await migration.precopy().outcome == .done)
            let stray = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phaseBegan(.constraints) = $0 else { return }
                _ = pair.source.runAtOnce("INSERT INTO public.parent VALUES (777777, 'stray')")
            }
            let first = try await stray.cutover()
            #expect(first.outcome != .done, "\(first.text)")
            try await Self.expectEqual(pair, try await migration.cutover())
            #expect(try await pair.target.value("SELECT v FROM parent WHERE id = 777777") == "stray")
        }
    }

    /// The source's foreign key was bypassed; the row that refers to nothing is found, not copied in silence.
    @Test(arguments: Cases.some(1, of: owners)) func `names new rows that refer to missing ones`(_ owner: Owner)
        async throws
    {
        try await Self.with(owner) { pair, migration in
            #expect(try await migration.precopy().outcome == .done)
            #expect(try await migration.cutover().outcome == .done)
            try await pair.source.run(
                "SET session_replication_role = replica; INSERT INTO child VALUES (900001, 900001, 900001, 'orphan')"
            )
            for _ in 0..<2 {
                let error = await #expect(throws: PostgresError.self) { try await migration.cutover() }
                let message = "1 row(s) of public.child refer to rows that public.parent does not have"
                #expect(error?.description.contains(message) == true, "\(String(describing: error))")
            }
            try await pair.source.run("DELETE FROM child WHERE id = 900001")
            try await Self.expectEqual(pair, try await migration.cutover())
        }
    }

    /// Rows are copied ahead with the foreign keys in place; the next cutover checks all of them.
    @Test(arguments: Cases.some(1, of: owners)) func `is followed by a precopy after a rehearsal`(_ owner: Owner)
        async throws
    {
        try await Self.with(owner) { pair, migration in
            #expect(try await migration.precopy().outcome == .done)
            #expect(try await migration.rehearse().outcome == .rehearsed)
            try await pair.source.run(Self.writes(1))
            try await pair.source.run(
                "SET session_replication_role = replica; INSERT INTO child VALUES (900001, 900001, 900001, 'orphan')"
            )
            #expect(try await migration.precopy().outcome == .done)
            try await pair.source.run(Self.writes(2))
            #expect(try await migration.precopy().outcome == .done)
            let error = await #expect(throws: PostgresError.self) { try await migration.cutover() }
            #expect(error?.description.contains("public.child refer to rows") == true)
            try await pair.source.run("DELETE FROM child WHERE id = 900001")
            try await Self.expectEqual(pair, try await migration.cutover())
        }
    }

    @Test(arguments: Cases.some(1, of: owners))
    func `follows what has changed in the definitions since`(_ owner: Owner) async throws {
        try await Self.with(owner) { pair, migration in
            #expect(try await migration.precopy().outcome == .done)
            #expect(try await migration.cutover().outcome == .done)
            try await pair.source.run(
                """
                ALTER TABLE child ADD COLUMN more text DEFAULT 'x'; CREATE TABLE added (id int PRIMARY KEY, p int REFERENCES parent);
                INSERT INTO added VALUES (1, 1); CREATE INDEX child_v ON child (v); ALTER TABLE part DROP CONSTRAINT part_parent_fkey;
                CREATE TABLE part_next PARTITION OF part FOR VALUES FROM ('2030-01-01') TO ('2035-01-01');
                INSERT INTO part VALUES (1, '2031-01-01', 1);
                DROP INDEX part_at; CREATE INDEX part_at ON part (at DESC);
                CREATE TABLE part_far (parent int, id int NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
                CREATE TABLE part_farther PARTITION OF part_far FOR VALUES FROM ('2040-01-01') TO ('2050-01-01');
                CREATE UNIQUE INDEX own_name ON part_farther (id, at);
                INSERT INTO part_far VALUES (1, 1, '2041-01-01');
                ALTER TABLE part ATTACH PARTITION part_far FOR VALUES FROM ('2040-01-01') TO ('2050-01-01')
                """
            )
            try await Self.expectEqual(pair, try await migration.cutover())
        }
    }

    /// Indexes of partitions cannot be dropped one by one.
    @Test(
        arguments: [
            "DROP TABLE low_new", "ALTER INDEX low_new_note_idx RENAME TO other",
            "ALTER INDEX log_note RENAME TO other",
            "CREATE SCHEMA z; ALTER TABLE low_new SET SCHEMA z", "ALTER INDEX low_new_pkey RENAME TO other",
            "ALTER TABLE log DETACH PARTITION low", "DROP INDEX log_note; CREATE INDEX log_note ON log (note DESC)",
        ]
    )
    func `follows what has changed in the indexes of partitions of partitions`(change: String) async throws {
        let schema = """
            CREATE TABLE log (id int, at int NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY LIST (at);
            CREATE TABLE low PARTITION OF log FOR VALUES IN (0, 1) PARTITION BY RANGE (at);
            CREATE TABLE low_old PARTITION OF low FOR VALUES FROM (MINVALUE) TO (1);
            CREATE TABLE low_new PARTITION OF low FOR VALUES FROM (1) TO (MAXVALUE);
            CREATE TABLE high PARTITION OF log FOR VALUES IN (2); CREATE INDEX log_note ON log (note);
            INSERT INTO log SELECT n, n % 3, 'n' || n FROM generate_series(1, 2000) n; ANALYZE
            """
        try await DatabasePair.with(schema) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.migration().rehearse().outcome == .rehearsed)
            try await pair.source.run(change)
            try await Self.expectEqual(pair, try await pair.migration().cutover())
        }
    }

    /// As a job does at night that keeps the last twelve months.
    @Test(arguments: [
        "DROP TABLE old", "ALTER TABLE log DETACH PARTITION old",
        "ALTER TABLE log DETACH PARTITION old; DROP TABLE old",
    ])
    func `builds no index again because an old partition went away`(change: String) async throws {
        let schema = """
            CREATE TABLE log (id int, at int NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
            CREATE TABLE old PARTITION OF log FOR VALUES FROM (0) TO (1000);
            CREATE TABLE new PARTITION OF log FOR VALUES FROM (1000) TO (9000); CREATE INDEX log_note ON log (note);
            INSERT INTO log SELECT n, n, 'n' || n FROM generate_series(1, 2000) n; ANALYZE
            """
        try await DatabasePair.with(schema) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.migration().rehearse().outcome == .rehearsed)
            let built =
                "SELECT string_agg(indexrelid::text, ' ' ORDER BY indexrelid) FROM pg_index WHERE indrelid = 'new'::regclass"
            let before = try await pair.target.value(built)
            try await pair.source.run(change)
            try await Self.expectEqual(pair, try await pair.migration().cutover())
            #expect(try await pair.target.value(built) == before)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("INSERT INTO parent VALUES (-1, 'live')", "public.parent"),
                ("UPDATE child SET v = 'live' WHERE id = 5", "public.child"),
                ("DELETE FROM small WHERE id = 3", "public.small"),
                ("SELECT lo_create(0)", "large objects"), ("TRUNCATE part", "public.part"),
                ("UPDATE part SET id = -id WHERE id = 7", "public.part"),
            ]
        )
    )
    func `never overwrites what others have written to the target`(_ write: String, _ table: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let migration = pair.migration()
            #expect(try await migration.precopy().outcome == .done)
            #expect(try await migration.cutover().outcome == .done)
            try await pair.target.run("SET session_replication_role = replica; \(write)")
            try await pair.source.run("INSERT INTO parent VALUES (-2, 'late')")
            let before = try await pair.target.value(Self.objects)
            let error = await #expect(throws: LedgerError.self) { try await migration.cutover() }
            #expect(
                error?.code == .targetWritten && error?.message.contains(table) == true,
                "\(String(describing: error))"
            )
            #expect(try await pair.target.value(Self.objects) == before)
            #expect(try await pair.target.value("SELECT step FROM tidemark.run") == "done")
        }
    }
}
