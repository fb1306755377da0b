import FoundationEssentials
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `A hostile database` {
    /// Checks that this table does not exist: names would create it if they were executed as SQL.
    private static func expectUntouched(_ databases: TestDatabase...) async throws {
        for database in databases {
            #expect(try await database.value("SELECT count(*) FROM pg_class WHERE relname = 'p'") == "0")
        }
    }

    private static func expectNothingRaw(_ text: String, _ what: String) {
        let raw = text.unicodeScalars.first { scalar in
            scalar != "\n" && scalar != "\t"
                && [.control, .format, .lineSeparator].contains(scalar.properties.generalCategory)
        }
        #expect(raw == nil, "\(what) holds U+\(String(raw?.value ?? 0, radix: 16))")
    }

    /// Thousands of names and key values, for every kind of object.
    @Test(.onceIn(3), arguments: Cases.some(1, of: UInt64(1)...8))
    func `is moved, proven, dumped and restored, and no part of a name is executed`(seed: UInt64) async throws {
        var names = HostileNames(seed: seed)
        let script = names.script(tables: 34)
        #expect(names.made >= 5000)
        try await DatabasePair.with(script) { pair in
            let precopy = try await pair.migration(chunkBytes: 8 << 10).precopy()
            #expect(precopy.outcome == .done, "\(precopy.text)")
            try await pair.source.run("INSERT INTO public.t SELECT generate_series(2, 50)")
            let cutover = try await pair.migration().cutover()
            #expect(cutover.outcome == .done, "\(cutover.text)")
            #expect(try await pair.differingTables() == [])
            #expect(try await pair.differingDefinitions() == [])
            try await Self.expectUntouched(pair.source, pair.target)

            let folder = FileManager.default.temporaryDirectory.path + "/archive-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var options = MigrationOptions()
            options.plan.chunkBytes = 8 << 10
            options.plan.wholeBelowBytes = 0
            let archive = DatabaseArchive(folder, options: options)
            #expect(try await archive.dump(from: pair.source.endpoint).outcome == .done)
            let administration = try TestDatabase(TestServers.target(database: "postgres"), side: .target)
            try await administration.run("CREATE DATABASE \(pair.name)_restored")
            let restored = try TestDatabase(
                pair.target.conninfo.replacing("dbname=\(pair.name)", with: "dbname=\(pair.name)_restored"),
                side: .target
            )
            let restore = try await archive.restore(to: restored.endpoint)
            #expect(restore.outcome == .done, "\(restore.text)")
            try await Self.expectUntouched(restored)
            try await administration.run("DROP DATABASE \(pair.name)_restored WITH (FORCE)")
        }
    }

    /// Everything is dropped on the target: each object is named in a finding and rebuilt.
    @Test(.onceIn(2)) func `is reported without a character that a terminal or a page would interpret`() async throws {
        var names = HostileNames(seed: 2)
        let script = names.script(tables: 6)
        try await DatabasePair.with(script) { pair in
            #expect(try await pair.migration(chunkBytes: 8 << 10).precopy().outcome == .done)
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                """
                DO $$ DECLARE r record; BEGIN
                    FOR r IN SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) AS s FROM pg_trigger
                             WHERE NOT tgisinternal
                        UNION ALL SELECT format('DROP POLICY %I ON %s', polname, polrelid::regclass) FROM pg_policy
                        UNION ALL SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
                                  FROM pg_constraint WHERE contype IN ('f', 'c') AND conrelid <> 0 AND conparentid = 0
                                  AND connamespace::regnamespace::text NOT IN ('tidemark', 'pg_catalog', 'information_schema')
                        UNION ALL SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
                                  FROM pg_constraint WHERE contype IN ('u')
                                  AND connamespace::regnamespace::text NOT IN ('tidemark', 'pg_catalog', 'information_schema')
                        UNION ALL SELECT format('COMMENT ON FUNCTION %s IS NULL', oid::regprocedure) FROM pg_proc
                                  WHERE pronamespace >= 16384 AND pronargs = 1
                    LOOP EXECUTE r.s; END LOOP;
                END $$
                """,
                "UPDATE public.t SET id = 7"
            )
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let folder = FileManager.default.temporaryDirectory.path + "/report-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let verify = try await command.run("verify", "--report", folder, "--show-values")
            #expect(verify.code == 2, "\(verify.errors)")
            Self.expectNothingRaw(verify.output, "standard output")
            Self.expectNothingRaw(verify.errors, "standard error")
            for name in ["report.html", "report.md", "junit.xml", "report.json"] {
                Self.expectNothingRaw(try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8), name)
            }
            let page = try String(contentsOfFile: "\(folder)/report.html", encoding: .utf8)
            #expect(
                !page.unicodeScalars.containsSequence("<script") && !page.unicodeScalars.containsSequence("</script")
            )
            for scalar in ["\u{301}", "\u{338}", "\u{200D}"] {
                #expect(!page.unicodeScalars.containsSequence("<\(scalar)"), "an unescaped < before a mark")
            }
            let parsed = try await Command.program(
                "python3",
                ["-c", "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])", "\(folder)/junit.xml"]
            )
            #expect(parsed.code == 0, "\(parsed.errors)")

            let dry = try await command.run("rebuild", "--dry-run")
            #expect(dry.code == 0 || dry.code == 2, "\(dry.errors)")
            let rebuild = try await command.run("rebuild", "--concurrently")
            #expect(rebuild.code == 0, "\(rebuild.output)\(rebuild.errors)")
            Self.expectNothingRaw(rebuild.output + rebuild.errors, "rebuild")
            try await Self.expectUntouched(pair.source, pair.target)
        }
    }

    /// One statement swaps a constraint's index; a table's name may look like a part of it.
    @Test func `cannot execute anything through a constraint that is replaced`() async throws {
        let table = "\"x ADD CONSTRAINT y CHECK (true); CREATE TABLE p(); --\""
        let trigger = "\"x ON public.t ; CREATE TABLE p(); --\""
        try await DatabasePair.with(
            """
            CREATE TABLE \(table) (id int CONSTRAINT k PRIMARY KEY, a int NOT NULL, CONSTRAINT " NOT VALID" CHECK (a::text <> ' NOT VALID'));
            INSERT INTO \(table) SELECT n, n FROM generate_series(1, 300) n;
            CREATE TABLE t (id int PRIMARY KEY);
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER \(trigger) BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION f()
            """
        ) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                "ALTER TABLE \(table) DROP CONSTRAINT k; ALTER TABLE \(table) ADD CONSTRAINT k PRIMARY KEY (id, a)",
                "ALTER TABLE \(table) DROP CONSTRAINT \" NOT VALID\""
            )
            #expect(try await pair.migration().verify().outcome == .differs)
            #expect(try await pair.migration().rebuild(concurrently: true).outcome == .done)
            let verify = try await pair.migration().verify()
            #expect(verify.outcome == .done, "\(verify.text)")
            try await Self.expectUntouched(pair.source, pair.target)
        }
    }
}

extension String.UnicodeScalarView {
    fileprivate func containsSequence(_ text: String) -> Bool {
        let (all, part) = (Array(self), Array(text.unicodeScalars))
        return all.indices.contains { all[$0...].starts(with: part) }
    }
}
