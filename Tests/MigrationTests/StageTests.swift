import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// Tenant after tenant is moved into a target that serves those who came before.
@Suite struct `A stage` {
    private static let schema = """
        CREATE TABLE countries (id int PRIMARY KEY, name text); INSERT INTO countries VALUES (1, 'JP'), (2, 'DE');
        CREATE TABLE tenants (id int PRIMARY KEY, country int REFERENCES countries, name text UNIQUE);
        INSERT INTO tenants SELECT n, 1 + n % 2, 'tenant ' || n FROM generate_series(1, 4) n;
        CREATE TABLE orders (tenant int REFERENCES tenants, id serial, v text, PRIMARY KEY (tenant, id));
        INSERT INTO orders (tenant, v) SELECT 1 + n % 4, md5(n::text) FROM generate_series(1, 8000) n;
        CREATE INDEX ON orders (v);
        CREATE TABLE items (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant int, order_id int, v text,
                            FOREIGN KEY (tenant, order_id) REFERENCES orders);
        INSERT INTO items (tenant, order_id, v) SELECT tenant, id, v FROM orders;
        CREATE TABLE marks (tenant int, v text); INSERT INTO marks SELECT 1 + n % 4, n FROM generate_series(1, 400) n;
        CREATE TABLE events (tenant int, id int, v text, PRIMARY KEY (tenant, id)) PARTITION BY RANGE (id);
        CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (0) TO (2000);
        CREATE TABLE events_new PARTITION OF events DEFAULT;
        INSERT INTO events SELECT 1 + n % 4, n, n FROM generate_series(1, 4000) n;
        CREATE TABLE audit (id serial PRIMARY KEY, what text);
        CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO public.audit (what) VALUES (TG_OP); RETURN NULL; END';
        CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION noted();
        ANALYZE
        """

    private static let tables = [
        "tenants": "id", "orders": "tenant", "items": "tenant", "marks": "tenant", "events": "tenant",
    ]

    private static func filters(_ condition: String) -> [QualifiedName: String] {
        Dictionary(
            uniqueKeysWithValues: tables.map {
                (QualifiedName(schema: "public", name: ServerText($0)), "\($1) \(condition)")
            }
        )
    }

    static func migration(
        _ pair: DatabasePair,
        tenants condition: String,
        isStage: Bool = true,
        _ change: (inout MigrationOptions) -> Void = { _ in }
    ) -> Migration {
        pair.migration(chunkBytes: 32 << 10) {
            $0.plan.filters = filters(condition)
            if isStage { $0.omissions = [.allButFilteredRows] }
            change(&$0)
        }
    }

    /// Moves the first two tenants, as an ordinary run, and takes the target into service.
    private static func withFirstTenants(_ body: (DatabasePair) async throws -> Void) async throws {
        try await DatabasePair.with(schema) { pair in
            let first = migration(pair, tenants: "<= 2", isStage: false)
            #expect(try await first.precopy().outcome == .done)
            let cutover = try await first.cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            try await LedgerAdministration(target: pair.target.endpoint).finish(abandon: false)
            try await body(pair)
        }
    }

    private static func rows(_ condition: String, on database: TestDatabase) async throws -> [String: String] {
        var rows: [String: String] = [:]
        for (table, column) in tables {
            rows[table] = try await database.value(
                "SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, '|' ORDER BY x::text)), '') FROM \(table) x WHERE \(column) \(condition)"
            )
        }
        return rows
    }

    /// What the target has besides rows: constraints, indexes, triggers, each with its state.
    private static let standing = """
        SELECT string_agg(q.d, E'\\n' ORDER BY q.d) FROM (
            SELECT conrelid::regclass || conname || convalidated AS d FROM pg_constraint WHERE conrelid::regclass::text !~ 'tidemark'
            UNION ALL SELECT indexrelid::regclass::text || indisvalid || indisunique FROM pg_index
                      WHERE indrelid >= 16384 AND indrelid::regclass::text !~ 'tidemark|pg_toast'
            UNION ALL SELECT tgrelid::regclass || tgname || tgenabled::text FROM pg_trigger WHERE tgrelid::regclass::text !~ 'tidemark') q
        """

    @Test func `moves its rows while both sides serve others`() async throws {
        try await Self.withFirstTenants { pair in
            // The two sides give out different numbers.
            try await pair.source.run("ALTER SEQUENCE orders_id_seq INCREMENT 2 RESTART 30001")
            try await pair.target.run("ALTER SEQUENCE orders_id_seq INCREMENT 2 RESTART 20000")
            let before = try await pair.target.value(Self.standing)
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                // The target serves tenants 1 and 2, and the source tenant 4; both allocate keys of their own.
                for (database, tenant) in [(pair.target, 1), (pair.target, 2), (pair.source, 4)] {
                    group.addTask {
                        var n = 0
                        while !isOver.isRaised {
                            n += 1
                            try await database.run(
                                """
                                INSERT INTO orders (tenant, v) VALUES (\(tenant), 'new \(n)');
                                INSERT INTO items (tenant, order_id, v) SELECT tenant, id, v FROM orders
                                WHERE tenant = \(tenant) AND v = 'new \(n)';
                                UPDATE orders SET v = v || '.' WHERE tenant = \(tenant) AND id % 97 = \(n % 97);
                                DELETE FROM items WHERE tenant = \(tenant) AND order_id % 211 = \(n % 211);
                                INSERT INTO marks VALUES (\(tenant), 'new \(n)');
                                INSERT INTO events VALUES (\(tenant), \(10_000 + n), 'new')
                                """
                            )
                        }
                    }
                }
                let stage = Self.migration(pair, tenants: "= 3")
                let inspected = try await stage.inspect()
                #expect(inspected.isClear, "\(inspected.text)")
                let precopy = try await stage.precopy()
                #expect(precopy.outcome == .done, "\(precopy.text)")
                // Without a key, marks are copied during the cutover. Items are read by position: beside an older transaction, their
                // rows are left to the next delta.
                let ahead = try await (Self.rows("= 3", on: pair.target), Self.rows("= 3", on: pair.source))
                #expect(
                    ahead.0.filter { !["marks", "items"].contains($0.key) }
                        == ahead.1.filter { !["marks", "items"].contains($0.key) }
                )
                for change in [
                    "UPDATE orders SET v = 'changed' WHERE tenant = 3 AND id % 13 = 0; DELETE FROM items WHERE tenant = 3 AND order_id % 7 = 0",
                    """
                    INSERT INTO orders (tenant, v) SELECT 3, 'late' FROM generate_series(1, 50);
                    DELETE FROM marks WHERE tenant = 3 AND v < '2'; UPDATE events SET v = 'late' WHERE tenant = 3 AND id % 5 = 0;
                    UPDATE items SET v = 'late' WHERE tenant = 3 AND order_id % 3 = 0; UPDATE tenants SET name = 'third' WHERE id = 3
                    """,
                ] {
                    try await pair.source.run("\(change)")
                    // Later calls know from the ledger that it is a stage.
                    #expect(try await Self.migration(pair, tenants: "= 3", isStage: false).precopy().outcome == .done)
                }
                try await pair.source.run("DELETE FROM events WHERE tenant = 3 AND id % 11 = 0")
                for change in ["SELECT 1", "UPDATE orders SET v = 'once more' WHERE tenant = 3 AND id % 17 = 0"] {
                    try await pair.source.run("\(change)")
                    let cutover = try await Self.migration(pair, tenants: "= 3", isStage: false).cutover()
                    #expect(cutover.outcome == .done, "\(cutover.text)")
                    #expect(try await Self.rows("= 3", on: pair.target) == Self.rows("= 3", on: pair.source))
                }
                isOver.raise()
                try await group.waitForAll()
            }
            #expect(try await pair.target.value(Self.standing) == before)
            // The others' rows are those that they have written, no more and no fewer.
            let orders = "SELECT count(*) FROM orders WHERE tenant <= 2 AND v !~ '^new'"
            #expect(try await pair.target.value(orders) == "4000")
            let new = "SELECT count(*) || ' ' || count(*) FILTER (WHERE v ~ '^new') FROM marks WHERE tenant <= 2"
            let marks = try await pair.target.value(new).split(separator: " ").compactMap { Int($0) }
            #expect(marks.count == 2 && marks[0] == 200 + marks[1], "\(marks)")
            let events = "SELECT count(*) FROM events WHERE tenant <= 2 AND id < 10000"
            #expect(try await pair.target.value(events) == "2000")
            // Triggers have not acted on what was moved.
            let noted = "SELECT count(*) FROM audit WHERE what = 'INSERT'"
            #expect(
                try await pair.target.value(noted)
                    == pair.target.value("SELECT count(*) FROM orders WHERE tenant <= 2 AND v ~ '^new'")
            )
            // It can be proven again later.
            #expect(try await Self.migration(pair, tenants: "= 3").verify().outcome == .done)
            // Keys go on beyond both sides, in the target's own steps.
            try await pair.target.run("INSERT INTO orders (tenant, v) VALUES (3, 'first of its own')")
            let next = "SELECT id % 2 = 0 AND id > 30000 FROM orders WHERE v = 'first of its own'"
            #expect(try await pair.target.value(next) == "t")
            // From here on the stage is the target's.
            let error = await #expect(throws: LedgerError.self) {
                try await Self.migration(pair, tenants: "= 3").cutover()
            }
            #expect(error?.code == .targetWritten, "\(error.map { "\($0)" } ?? "")")
            #expect(try await pair.target.value("SELECT count(*) FROM orders WHERE v = 'first of its own'") == "1")
        }
    }

    struct Obstacle: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var source = "SELECT 1"
        var target = "SELECT 1"
        var named: String
        var tenants = "= 3"
        var isRefused = true

        init(_ name: String, named: String, _ change: (inout Obstacle) -> Void = { _ in }) {
            testDescription = name
            self.named = named
            change(&self)
        }
    }

    static let obstacles = [
        Obstacle("rows of the stage are there", named: "public.tenants already has rows") { $0.tenants = "= 2" },
        Obstacle("a table is missing", named: "public.marks does not exist on the target") {
            $0.target = "DROP TABLE marks"
        },
        Obstacle("columns differ", named: "the columns of public.items differ") {
            $0.target = "ALTER TABLE items ADD n int"
        },
        Obstacle("a type differs", named: "the columns of public.items differ") {
            $0.target = "ALTER TABLE items ALTER v TYPE varchar(99)"
        },
        Obstacle("a trigger acts always", named: "trigger noted on public.orders acts") {
            $0.target = "ALTER TABLE orders ENABLE ALWAYS TRIGGER noted"
        },
        Obstacle("a trigger of a partition acts always", named: "trigger p on public.events_new acts") {
            $0.target = """
                CREATE TRIGGER p AFTER INSERT ON events_new FOR EACH ROW EXECUTE FUNCTION noted();
                ALTER TABLE events_new ENABLE ALWAYS TRIGGER p
                """
        },
        Obstacle("a key is not unique there", named: "public.items has no unique index over (id)") {
            $0.target = "ALTER TABLE items DROP CONSTRAINT items_pkey"
        },
        Obstacle("a crash would empty a table", named: "public.marks is unlogged") {
            $0.target = "ALTER TABLE marks SET UNLOGGED"
        },
        Obstacle("a condition changes by itself", named: "may be true for a row today and not tomorrow") {
            $0.tenants = "= 3 AND now() > '2000-01-01'"
        },
        Obstacle("another run is under way", named: "did not begin as a stage") {
            $0.target = "run"
        },
    ]

    @Test(arguments: Cases.some(2, of: obstacles)) func `is refused before anything is written if`(_ obstacle: Obstacle)
        async throws
    {
        try await Self.withFirstTenants { pair in
            try await pair.source.run("\(obstacle.source)")
            if obstacle.target == "run" {
                try await pair.target.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                #expect(try await Self.migration(pair, tenants: "= 3", isStage: false).precopy().outcome == .done)
            } else {
                try await pair.target.run("\(obstacle.target)")
            }
            let before = try await pair.target.value(Self.standing)
            let stage = Self.migration(pair, tenants: obstacle.tenants)
            let error = await #expect(throws: PlanError.self) { try await stage.precopy() }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains(obstacle.named), "\(text)")
            // A condition is tried by the target's server, with its ledger.
            if !obstacle.named.contains("tomorrow") {
                let inspected = try await stage.inspect()
                let found = inspected.findings.map(\.message).joined(separator: " ")
                #expect(!inspected.isClear && found.contains(obstacle.named), "\(inspected.text)")
            }
            #expect(try await pair.target.value(Self.standing) == before)
            guard obstacle.target != "run", !obstacle.named.contains("tomorrow") else { return }
            #expect(try await pair.target.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'tidemark'") == "0")
        }
    }

    @Test func `without a condition is refused, and a role that may not write as a replica`() async throws {
        try await Self.withFirstTenants { pair in
            let bare = pair.migration { $0.omissions = [.allButFilteredRows] }
            let error = await #expect(throws: PlanError.self) { try await bare.precopy() }
            #expect(error?.code == .usage && "\(error.map { "\($0)" } ?? "")".contains("no table has a condition"))
            // Nothing else may pass for a stage, of which less is compared.
            await #expect(throws: PlanError.self) { try await bare.verify() }
            try await pair.createRole("stage_owner", "LOGIN")
            let tables = Self.tables.keys.joined(separator: ", ")
            try await pair.target.run(
                "GRANT ALL ON \(tables) TO stage_owner; GRANT CREATE ON DATABASE \(pair.name) TO stage_owner"
            )
            let ordinary = Migration(
                source: pair.source.endpoint,
                target: try Endpoint(
                    pair.target.conninfo.replacing("user=postgres", with: "user=stage_owner"),
                    side: .target
                ),
                options: Self.migration(pair, tenants: "= 3").options
            )
            let refused = await #expect(throws: PlanError.self) { try await ordinary.precopy() }
            #expect(
                "\(refused.map { "\($0)" } ?? "")".contains("session_replication_role"),
                "\(refused.map { "\($0)" } ?? "")"
            )
        }
    }

    @Test func `is not proven while its rows are written, or refer to rows that are missing`() async throws {
        try await Self.withFirstTenants { pair in
            // A country that was added since the first part was moved.
            try await pair.source.run(
                "INSERT INTO countries VALUES (3, 'FR'); UPDATE tenants SET country = 3 WHERE id = 3"
            )
            let stage = Self.migration(pair, tenants: "= 3") { $0.patienceWithWriters = .seconds(1) }
            #expect(try await stage.precopy().outcome == .done)
            let orphans = try await stage.cutover()
            #expect(orphans.outcome == .differs, "\(orphans.text)")
            let findings = orphans.verification?.findings.filter { $0.severity > .note }.map(\.code) ?? []
            #expect(findings == ["foreign-key.orphans"], "\(orphans.text)")
            try await pair.target.run("INSERT INTO countries VALUES (3, 'FR')")
            #expect(try await stage.cutover().outcome == .done)

            // A transaction of before the cutover is still open; one of another tenant as well, which does not matter later.
            try await pair.source.run(
                "BEGIN; UPDATE orders SET v = 'open' WHERE tenant = 3 AND id % 50 = 0; PREPARE TRANSACTION 'stage \(pair.name)'"
            )
            let waiting = try await stage.cutover()
            #expect(waiting.outcome == .notProven, "\(waiting.text)")
            try await pair.source.run("COMMIT PREPARED 'stage \(pair.name)'")
            #expect(try await stage.cutover().outcome == .done)
            #expect(try await Self.rows("= 3", on: pair.target) == Self.rows("= 3", on: pair.source))
        }
    }

    /// It would keep out those as well who are not moved.
    @Test func `does not make the source read-only`() async throws {
        try await Self.withFirstTenants { pair in
            let stage = Self.migration(pair, tenants: "= 3") { $0.fence = .readOnly }
            #expect(try await stage.precopy().outcome == .done)
            await #expect { try await stage.cutover() } throws: {
                "\($0)".contains("--fence read-only would keep everyone")
            }
            #expect(try await pair.source.value("SELECT current_setting('default_transaction_read_only')") == "off")
            try await pair.source.run("INSERT INTO audit (what) VALUES ('still in use')")
        }
    }

    @Test func `ends with an explanation if both sides have used the same key`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY, tenant int); INSERT INTO t SELECT n, n % 2 FROM generate_series(1, 50) n"
        ) { pair in
            let t = QualifiedName(schema: "public", name: "t")
            func migration(_ tenant: Int, isStage: Bool) -> Migration {
                pair.migration {
                    $0.plan.filters[t] = "tenant = \(tenant)"
                    if isStage { $0.omissions = [.allButFilteredRows] }
                }
            }
            let first = migration(0, isStage: false)
            _ = try await (first.precopy(), first.cutover())
            try await LedgerAdministration(target: pair.target.endpoint).finish(abandon: false)
            try await pair.target.run("INSERT INTO t VALUES (51, 0)")
            try await pair.source.run("INSERT INTO t VALUES (51, 1)")
            let error = await #expect(throws: PostgresError.self) { try await migration(1, isStage: true).precopy() }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains("t_pkey") && text.contains("keys of their own"), "\(text)")
            #expect(
                try await pair.target.value("SELECT string_agg(id::text, ' ') FROM t WHERE id > 50 AND tenant = 0")
                    == "51"
            )
        }
    }
}
