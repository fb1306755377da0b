import Planning
import Postgres
import Report
import Synchronization
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A live target` {
    private static let schema = """
        CREATE TABLE jobs (id bigserial PRIMARY KEY, owner int NOT NULL, at timestamptz DEFAULT now(), note text);
        INSERT INTO jobs (owner, note) SELECT n % 500, 'note ' || n FROM generate_series(1, 40000) n;
        CREATE INDEX jobs_owner ON jobs (owner);
        CREATE INDEX jobs_at ON jobs (at DESC) WHERE note IS NOT NULL;
        CREATE UNIQUE INDEX jobs_note ON jobs (lower(note));
        CREATE TABLE owners (id int PRIMARY KEY, email text CONSTRAINT owners_email UNIQUE DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO owners SELECT n, n || '@example.org' FROM generate_series(0, 499) n;
        ALTER TABLE jobs ADD CONSTRAINT jobs_owner_fkey FOREIGN KEY (owner) REFERENCES owners;
        ALTER TABLE jobs ADD CONSTRAINT jobs_note_check CHECK (note <> '');
        CREATE TABLE visits (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
        INSERT INTO visits SELECT n, date '2024-01-01' + n % 60 FROM generate_series(1, 5000) n;
        CREATE INDEX visits_day ON visits (day);
        ANALYZE;
        """

    private func migrated(_ body: (DatabasePair) async throws -> Void) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await body(pair)
        }
    }

    private func objects(_ database: TestDatabase) async throws -> [String] {
        try await database.column(
            """
            SELECT pg_get_indexdef(indexrelid) || indisvalid::text || coalesce(pg_get_constraintdef(c.oid), '') FROM pg_index
            LEFT JOIN pg_constraint c ON conindid = indexrelid AND conrelid = indrelid AND contype IN ('p', 'u', 'x')
            WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
            UNION ALL SELECT conrelid::regclass::text || conname::text || pg_get_constraintdef(oid) || convalidated::text FROM pg_constraint
            WHERE contype IN ('f', 'c') AND connamespace = 'public'::regnamespace ORDER BY 1
            """
        )
    }

    @Test func `that lost its primary key and three indexes is named, repaired while it is written to, and proven`()
        async throws
    {
        try await migrated { pair in
            try await pair.target.run(
                """
                ALTER TABLE jobs DROP CONSTRAINT jobs_pkey;
                DROP INDEX jobs_owner; DROP INDEX jobs_at; DROP INDEX jobs_note
                """
            )
            let found = try await pair.migration().verify()
            let missing = found.verification?.findings.filter { $0.message.contains("missing on the target") } ?? []
            #expect(
                missing.map(\.object).sorted() == [
                    "public.jobs_at on public.jobs", "public.jobs_note on public.jobs",
                    "public.jobs_owner on public.jobs",
                    "public.jobs_pkey on public.jobs",
                ]
            )

            let writer = Writer()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await writer.write(pair) }
                group.addTask {
                    defer { writer.isDone.store(true, ordering: .relaxed) }
                    let report = try await pair.migration().rebuild(concurrently: true)
                    #expect(report.outcome == .done, "\(report.text)")
                    #expect(report.transfer.objects == 4)
                }
                try await group.waitForAll()
            }
            #expect(writer.written.load(ordering: .relaxed) > 10)
            #expect(writer.longest.load(ordering: .relaxed) < 1000, "milliseconds")
            let wanted = try await objects(pair.source)
            #expect(try await objects(pair.target) == wanted)
            // Only the rows written meanwhile differ from the source now.
            let after = try await pair.migration().verify()
            let kinds = Set(after.verification?.findings.map(\.kind) ?? [])
            #expect(kinds == ["rows"], "\(after.text)")
        }
    }

    @Test(arguments: Cases.some(1, of: [true, false])) func `gets everything that is missing or differs`(
        concurrently: Bool
    ) async throws {
        try await migrated { pair in
            try await pair.target.run(
                """
                ALTER TABLE jobs DROP CONSTRAINT jobs_owner_fkey, DROP CONSTRAINT jobs_note_check;
                ALTER TABLE jobs ADD CONSTRAINT jobs_note_check CHECK (note <> '') NOT VALID;
                DROP INDEX jobs_at; CREATE INDEX jobs_at ON jobs (at);
                ALTER TABLE owners DROP CONSTRAINT owners_email, ADD CONSTRAINT owners_email UNIQUE (email);
                ALTER TABLE owners DROP CONSTRAINT owners_pkey; ALTER TABLE owners ALTER id DROP NOT NULL;
                CREATE UNIQUE INDEX owners_pkey ON owners (id);
                UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_owner'::regclass;
                CREATE INDEX jobs_owner_ccnew ON jobs (owner);
                UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_owner_ccnew'::regclass;
                ALTER TABLE visits DROP CONSTRAINT visits_pkey; DROP INDEX visits_day;
                """
            )
            let report = try await pair.migration().rebuild(concurrently: concurrently)
            #expect(report.outcome == .done, "\(report.text)")
            let wanted = try await objects(pair.source)
            #expect(try await objects(pair.target) == wanted)
            #expect(try await pair.migration().verify().outcome == .done)
            // A second rebuild has nothing to do.
            #expect(try await pair.migration().rebuild(concurrently: concurrently).transfer.objects == 0)
            #expect(try await pair.migration().rebuildStatements(concurrently: true).statements == [])
        }
    }

    /// What a rebuild that was killed has left: a key that was put aside, and perhaps its successor without its constraint.
    @Test(
        arguments: Cases.some(
            2,
            of: [
                "ALTER TABLE jobs DROP CONSTRAINT jobs_pkey; ALTER TABLE jobs ADD CONSTRAINT tidemark_aside_1 PRIMARY KEY (owner, id)",
                """
                ALTER TABLE jobs DROP CONSTRAINT jobs_pkey; ALTER TABLE jobs ADD CONSTRAINT tidemark_aside_1 PRIMARY KEY (owner, id);
                CREATE UNIQUE INDEX jobs_pkey ON jobs (id)
                """,
                "ALTER TABLE owners ADD CONSTRAINT tidemark_aside_2 UNIQUE (email, id)",
                """
                ALTER TABLE jobs DROP CONSTRAINT jobs_pkey; ALTER TABLE jobs ALTER id DROP NOT NULL;
                DO $$ BEGIN EXECUTE format('ALTER TABLE jobs ADD CONSTRAINT tidemark_aside_%s_1 CHECK (id IS NOT NULL) NOT VALID',
                                           'jobs'::regclass::oid); END $$
                """,
                """
                DO $$ BEGIN EXECUTE format('ALTER TABLE jobs ADD CONSTRAINT tidemark_aside_%s_1 CHECK (id IS NOT NULL)',
                                           'jobs'::regclass::oid); END $$
                """,
            ]
        ),
        [false, true]
    )
    func `is repaired where an earlier rebuild did not reach its end`(left: String, concurrently: Bool) async throws {
        try await migrated { pair in
            let wanted = try await objects(pair.target)
            try await pair.target.run(left)
            let report = try await pair.migration().rebuild(concurrently: concurrently)
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await objects(pair.target) == wanted)
            #expect(try await pair.migration().rebuildStatements(concurrently: concurrently).statements == [])
        }
    }

    @Test func `with duplicates is reported with these rows, and repaired when they are deleted`() async throws {
        try await migrated { pair in
            try await pair.target.run(
                "ALTER TABLE jobs DROP CONSTRAINT jobs_pkey; INSERT INTO jobs (id, owner, note) VALUES (7, 1, 'second seven')"
            )
            let error = await #expect(throws: PostgresError.self) {
                try await pair.migration().rebuild(concurrently: true)
            }
            #expect(error?.description.contains("(7) 2 times: public.jobs (") == true, "\(String(describing: error))")
            try await pair.target.run("DELETE FROM jobs WHERE note = 'second seven'")
            #expect(try await pair.migration().rebuild(concurrently: true).outcome == .done)
            let wanted = try await objects(pair.source)
            #expect(try await objects(pair.target) == wanted)
        }
    }

    @Test func `is not touched by a dry run, which prints the statements`() async throws {
        try await migrated { pair in
            try await pair.target.run("DROP INDEX jobs_owner")
            let plan = try await pair.migration().rebuildStatements(concurrently: true)
            #expect(plan.statements == ["CREATE INDEX CONCURRENTLY jobs_owner ON public.jobs USING btree (owner)"])
            #expect(try await pair.target.value("SELECT to_regclass('jobs_owner') IS NULL") == "t")
        }
    }

    @Test func `needs no ledger, and is repaired however it was filled`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let fill = try await Command.pipe(
                ["pg_dump", "--section=pre-data", "--section=data", "--dbname", pair.source.conninfo],
                into: ["psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", pair.target.conninfo]
            )
            #expect(fill.code == 0, "\(fill.errors)")
            #expect(try await pair.migration().rebuild(concurrently: true).outcome == .done)
            let wanted = try await objects(pair.source)
            #expect(try await objects(pair.target) == wanted)
        }
    }

    @Test func `is repaired from the ledger when the source no longer exists`() async throws {
        try await migrated { pair in
            let wanted = try await objects(pair.target)
            try await pair.target.run(
                """
                ALTER TABLE jobs DROP CONSTRAINT jobs_pkey; DROP INDEX jobs_at; ALTER TABLE jobs DROP CONSTRAINT jobs_owner_fkey;
                DROP INDEX visits_day
                """
            )
            try await TestDatabase(TestServers.source(database: "postgres"), side: .source).run(
                "ALTER DATABASE \(pair.name) RENAME TO \(pair.name)_gone"
            )
            let command = Command(environment: ["TIDEMARK_TARGET": pair.target.conninfo])
            let plan = try await command.run("rebuild", "--from-ledger", "--concurrently", "--dry-run")
            #expect(
                plan.code == 0 && plan.output.contains("CREATE UNIQUE INDEX CONCURRENTLY jobs_pkey"),
                "\(plan.errors)"
            )
            let outcome = try await command.run("rebuild", "--from-ledger", "--concurrently")
            #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
            let rebuilt = try await objects(pair.target)
            #expect(rebuilt == wanted)
            #expect(try await command.run("finish").code == 0)
            let without = try await command.run("rebuild", "--from-ledger")
            #expect(without.code == 1 && without.errors.contains("no ledger"), "\(without.errors)")
        }
    }
}

/// An application that keeps writing, with a short lock timeout.
private final class Writer: Sendable {
    let isDone = Atomic<Bool>(false)
    let longest = Atomic<Int64>(0)
    let written = Atomic<Int>(0)

    func write(_ pair: DatabasePair) async throws {
        try await pair.target.session { session in
            try await session.run("SET lock_timeout = '1s'")
            let clock = ContinuousClock()
            var number = 0
            while !isDone.load(ordering: .relaxed) {
                number += 1
                let start = clock.now
                try await session.run(
                    """
                    INSERT INTO jobs (owner, note) VALUES (\(number % 500), 'live \(number)');
                    UPDATE jobs SET at = now() WHERE id = \(number % 40000 + 1)
                    """
                )
                let milliseconds = Int64(start.duration(to: clock.now) / .milliseconds(1))
                longest.max(milliseconds, ordering: .relaxed)
                written.add(1, ordering: .relaxed)
            }
        }
    }
}
