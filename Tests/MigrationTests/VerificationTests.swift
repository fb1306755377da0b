import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A verification` {
    /// What is done to the target behind the tool's back, and the finding that must name it.
    struct Mutation: Sendable, CustomTestStringConvertible {
        let sql: String
        let kind: String
        let object: String

        var testDescription: String { sql }
    }

    static let mutations = [
        Mutation(sql: "DROP INDEX orders_open", kind: "index", object: "public.orders_open on public.orders"),
        Mutation(
            sql: "ALTER TABLE orders DROP CONSTRAINT orders_pkey",
            kind: "primary key",
            object: "public.orders_pkey on public.orders"
        ),
        Mutation(
            sql: "ALTER TABLE orders DROP CONSTRAINT orders_pkey; CREATE UNIQUE INDEX orders_pkey ON orders (id)",
            kind: "primary key",
            object: "public.orders_pkey on public.orders"
        ),
        Mutation(
            sql: "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'customers_email_key'::regclass",
            kind: "unique constraint",
            object: "public.customers_email_key on public.customers"
        ),
        Mutation(
            sql: "DROP INDEX orders_lower; CREATE INDEX orders_lower ON orders (lower(note) DESC NULLS LAST)",
            kind: "index",
            object: "public.orders_lower on public.orders"
        ),
        Mutation(sql: "CREATE INDEX extra ON orders (total)", kind: "index", object: "public.extra on public.orders"),
        Mutation(
            sql: "ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey",
            kind: "foreign key",
            object: "\"orders_customer_fkey\" on public.orders"
        ),
        Mutation(
            sql: """
                ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey;
                ALTER TABLE orders ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES customers(id) ON DELETE CASCADE NOT VALID
                """,
            kind: "foreign key",
            object: "\"orders_customer_fkey\" on public.orders"
        ),
        Mutation(
            sql: "ALTER TABLE customers DROP CONSTRAINT customers_email_check",
            kind: "check constraint",
            object: "\"customers_email_check\" on public.customers"
        ),
        Mutation(
            sql: "ALTER TABLE bookings DROP CONSTRAINT bookings_during_excl",
            kind: "exclusion constraint",
            object: "public.bookings_during_excl on public.bookings"
        ),
        Mutation(sql: "ALTER TABLE visits DETACH PARTITION visits_2", kind: "table", object: "public.visits_2"),
        Mutation(sql: "DELETE FROM visits_1a WHERE id = 55", kind: "rows", object: "public.visits_1a (at, id) ="),
        Mutation(
            sql: "UPDATE orders SET note = overlay(note placing 'N' from 7) WHERE id = 1234",
            kind: "rows",
            object: "public.orders (id) = (1234)"
        ),
        Mutation(
            sql: "UPDATE customers SET email = 'C8' WHERE email = 'c8'",
            kind: "rows",
            object: "public.customers (id) = (8)"
        ),
        Mutation(sql: "INSERT INTO swaps VALUES (21, 21)", kind: "rows", object: "public.swaps (id) = (21)"),
        Mutation(
            sql: "DELETE FROM bookings WHERE ctid = '(0,1)'",
            kind: "rows",
            object: "public.bookings"
        ),
        Mutation(
            sql: "ALTER TABLE orders ALTER COLUMN total DROP NOT NULL",
            kind: "column",
            object: "public.orders.total"
        ),
        Mutation(
            sql: "ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'paid'",
            kind: "column",
            object: "public.orders.state"
        ),
        Mutation(sql: "DROP TABLE swaps", kind: "table", object: "public.swaps"),
        Mutation(sql: "CREATE TABLE stranger (id int)", kind: "table", object: "public.stranger"),
        Mutation(sql: "SELECT setval('customers_id_seq', 1)", kind: "sequence", object: "public.customers_id_seq"),
        Mutation(sql: "ALTER SEQUENCE free_one INCREMENT 5", kind: "sequence", object: "public.free_one"),
        Mutation(sql: "REFRESH MATERIALIZED VIEW best WITH NO DATA", kind: "materialized view", object: "public.best"),
        Mutation(
            sql: "ALTER TABLE orders SET WITHOUT CLUSTER",
            kind: "primary key",
            object: "public.orders_pkey on public.orders"
        ),
    ]

    @Test func `names every fault that was planted, and only that`() async throws {
        try await DatabasePair.with(`A cutover`.shop) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            // Each fault in a copy of the proven target, so that none hides another.
            let proven = pair.target.conninfo
            for (number, mutation) in Self.mutations.enumerated() {
                let name = "\(pair.name)_m\(number)"
                let administration = try TestDatabase(TestServers.target(database: "postgres"), side: .target)
                try await administration.run("CREATE DATABASE \(name) TEMPLATE \(pair.name)")
                let target = try TestDatabase(
                    proven.replacing("dbname=\(pair.name)", with: "dbname=\(name)"),
                    side: .target
                )
                try await target.run(mutation.sql)
                let migration = Migration(
                    source: pair.source.endpoint,
                    target: target.endpoint,
                    options: pair.migration().options
                )
                let report = try await migration.verify()
                #expect(report.outcome == .differs, "\(mutation.sql)")
                let findings = report.verification?.findings ?? []
                #expect(
                    findings.contains { $0.kind == mutation.kind && $0.object.hasPrefix(mutation.object) },
                    "\(mutation.sql) was found as \(findings.map { "\($0.kind): \($0.object)" })"
                )
            }
            #expect(try await pair.migration().verify().outcome == .done)
        }
    }

    @Test func `reads numbers as text, so that a lost zero is found`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY, n numeric); INSERT INTO t VALUES (1, 1.50), (2, 2)"
        ) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run("UPDATE t SET n = 1.5 WHERE id = 1")
            #expect(try await pair.target.value("SELECT count(*) FROM t WHERE n = 1.50") == "1")
            #expect(try await pair.migration().verify().outcome == .differs)
        }
    }

    @Test func `counts each table once more without any index`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 3000) n; ANALYZE t"
        ) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            let report = try await pair.migration().verify()
            let table = try #require(report.verification?.tables.first)
            #expect(table.ranges > 3)
            #expect(table.sourceRows == 3000)
            #expect(report.verification?.notProven == [])
        }
    }
}
