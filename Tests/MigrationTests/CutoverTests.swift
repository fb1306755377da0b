import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A cutover` {
    static let shop = #"""
        CREATE TYPE state AS ENUM ('new', 'paid');
        CREATE TABLE customers (id serial PRIMARY KEY, email text NOT NULL UNIQUE, CHECK (email <> ''));
        INSERT INTO customers (email) SELECT 'c' || n FROM generate_series(1, 500) n;
        CREATE TABLE orders (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            customer int NOT NULL REFERENCES customers ON DELETE CASCADE,
            state state NOT NULL DEFAULT 'new',
            total numeric(10, 2) NOT NULL,
            gross numeric GENERATED ALWAYS AS (total * 1.2) STORED,
            note text
        );
        INSERT INTO orders (customer, total, note) SELECT 1 + n % 500, n / 100.0, repeat('n', 100) FROM generate_series(1, 4000) n;
        CREATE INDEX orders_open ON orders (customer) INCLUDE (total) WHERE state = 'new';
        CREATE INDEX orders_lower ON orders (lower(note) text_pattern_ops DESC NULLS LAST);
        ALTER TABLE orders CLUSTER ON orders_pkey;
        CREATE TABLE visits (at date NOT NULL, id int NOT NULL, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
        CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (id);
        CREATE TABLE visits_1a PARTITION OF visits_1 FOR VALUES FROM (0) TO (1000);
        CREATE TABLE visits_1b PARTITION OF visits_1 DEFAULT;
        CREATE TABLE visits_2 PARTITION OF visits DEFAULT;
        CREATE INDEX visits_id ON visits (id);
        INSERT INTO visits SELECT date '2024-06-01' + n % 400, n FROM generate_series(1, 3000) n;
        CREATE TABLE bookings (room int, during tsrange, EXCLUDE USING gist (during WITH &&));
        INSERT INTO bookings SELECT 1, tsrange('2024-01-01'::timestamp + n * interval '1 day', '2024-01-01'::timestamp + (n + 1) * interval '1 day') FROM generate_series(1, 50) n;
        CREATE TABLE swaps (id int PRIMARY KEY, position int UNIQUE DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO swaps SELECT n, n FROM generate_series(1, 20) n;
        CREATE SEQUENCE free_one START 7;
        CREATE SEQUENCE downwards INCREMENT -2 MAXVALUE 100 START 100;
        SELECT nextval('downwards'), nextval('downwards');
        CREATE VIEW spent AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
        CREATE MATERIALIZED VIEW best AS SELECT * FROM spent ORDER BY total DESC LIMIT 10;
        CREATE MATERIALIZED VIEW best_two AS SELECT * FROM best LIMIT 2;
        CREATE MATERIALIZED VIEW idle AS SELECT 1 AS n WITH NO DATA;
        CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'stamped'; RETURN NEW; END $$;
        CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
        COMMENT ON INDEX orders_open IS 'open orders';
        CREATE TABLE empty ();
        CREATE TABLE "order ""by""" ("select" int PRIMARY KEY, "a\b" text);
        INSERT INTO "order ""by""" SELECT n, 'x' FROM generate_series(1, 10) n;
        ANALYZE;
        """#

    @Test func `copies a whole shop, and the shop works`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            let first = try await pair.migration().precopy()
            #expect(first.outcome == .done)
            try await pair.source.run(
                """
                UPDATE orders SET state = 'paid' WHERE id % 10 = 0;
                DELETE FROM customers WHERE id = 5;
                INSERT INTO customers (email) VALUES ('new@example.org');
                UPDATE visits SET at = '2025-06-01' WHERE id BETWEEN 10 AND 20;
                REFRESH MATERIALIZED VIEW best; REFRESH MATERIALIZED VIEW best_two;
                """
            )
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            // Every kind of INSERT works, and invalid rows are rejected.
            try await pair.target.run(
                "INSERT INTO customers (email) VALUES ('first on the new server')",
                "INSERT INTO orders (customer, total) VALUES (1, 10)",
                "BEGIN; UPDATE swaps SET position = 3 - position WHERE id < 3; COMMIT",
                "INSERT INTO visits VALUES ('2024-03-03', 123456)"
            )
            #expect(try await pair.target.value("SELECT note FROM orders ORDER BY id DESC LIMIT 1") == "stamped")
            for refused in [
                "INSERT INTO customers (email) VALUES ('c1')", "INSERT INTO orders (customer, total) VALUES (-1, 1)",
                "INSERT INTO visits VALUES ('2024-03-03', 123456)",
                "INSERT INTO bookings SELECT * FROM bookings LIMIT 1",
                "INSERT INTO customers (email) VALUES ('')", "INSERT INTO \"order \"\"by\"\"\" VALUES (1)",
            ] {
                await #expect(throws: (any Error).self, "\(refused)") { try await pair.target.run(refused) }
            }
            #expect(try await pair.target.value("SELECT nextval('free_one')") == "7")
            #expect(try await pair.target.value("SELECT nextval('downwards')") == "96")
            #expect(try await pair.target.value("SELECT count(*) FROM best_two") == "2")
            #expect(try await pair.target.value("SELECT obj_description('orders_open'::regclass)") == "open orders")
            #expect(try await pair.target.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "0")
            #expect(try await pair.target.value("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == "0")
            #expect(
                try await pair.target.value(
                    "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND reltuples < 0"
                ) == "0"
            )
        }
    }

    @Test func `does not empty a small table that was written to on the target`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE small (v text); INSERT INTO small VALUES ('a'), ('b')"
        ) { pair in
            _ = try await pair.migration().precopy()
            try await pair.target.run("INSERT INTO small VALUES ('foreign')")
            let error = await #expect(throws: LedgerError.self) { try await pair.migration().cutover() }
            #expect(error?.code == .targetWritten, "\(error.map { "\($0)" } ?? "")")
            #expect(try await pair.target.column("SELECT v FROM small ORDER BY v") == ["foreign"])
            try await pair.target.run("DELETE FROM small")
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `can be run again up to the foreign keys and after them`() async throws {
        try await DatabasePair.with(Self.shop) { pair in
            _ = try await pair.migration().precopy()
            let stop = StopRequest()
            let migration = pair.migration()
            // Stopped in the middle, before the step after the rows.
            let stopped = Migration(
                source: migration.source,
                target: migration.target,
                options: migration.options,
                stop: stop
            ) { event in
                if case .phaseBegan(.sequences) = event { stop.request() }
            }
            #expect(try await stopped.cutover().outcome == .stopped)
            // The old server stays in use for a while, then the cutover is tried again.
            try await pair.source.run(
                "UPDATE orders SET total = total + 1 WHERE id % 3 = 0; DELETE FROM orders WHERE id = 9"
            )
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
            let again = try await pair.migration().cutover()
            #expect(again.outcome == .done)
            let late = await #expect(throws: LedgerError.self) { try await pair.migration().precopy() }
            #expect(late?.code == .tooLate)
        }
    }

    @Test func `leaves out excluded tables and everything that depends on them`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE kept (id serial PRIMARY KEY);
            CREATE TABLE secret (id serial PRIMARY KEY, kept int REFERENCES kept);
            CREATE TABLE child (id int PRIMARY KEY, secret int REFERENCES secret);
            """
        ) { pair in
            let excluding: (inout MigrationOptions) -> Void = {
                $0.plan.treatments[.init(schema: "public", name: "secret")] = .excluded
            }
            let report = try await pair.migration(excluding).precopy()
            #expect(report.warnings.contains { $0.contains("child") && $0.contains("secret") })
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.target.column("SELECT relname FROM pg_class WHERE relname ~ 'secret'") == [])
            #expect(try await pair.migration().verify().outcome == .done)
            let changed = await #expect(throws: PlanError.self) {
                try await pair.migration { $0.plan.treatments[.init(schema: "public", name: "kept")] = .excluded }
                    .cutover()
            }
            #expect(changed?.code == .usage)
        }
    }
}
