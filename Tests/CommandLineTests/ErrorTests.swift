import FoundationEssentials
import Glibc
import Postgres
import TestSupport
import Testing

@Suite struct `A mistake on the command line` {
    private static let schema = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)"

    private func expect(_ outcome: Command.Outcome, _ code: Int32, _ words: String...) {
        #expect(outcome.code == code, "\(outcome.errors)")
        for word in words { #expect(outcome.errors.contains(word), "'\(word)' is not in: \(outcome.errors)") }
        #expect(outcome.errors.split(separator: "\n").count < 25, "an error fits on a screen")
        #expect(!outcome.errors.contains("Fatal error"))
    }

    private func expectUntouched(_ pair: DatabasePair) async throws {
        #expect(try await pair.target.value("SELECT count(*) FROM pg_class WHERE relnamespace >= 16384") == "0")
        #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
    }

    @Test func `a URL that leads nowhere`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let nowhere = "host=127.0.0.1 port=1 dbname=x user=u password=hidden-word"
            expect(
                try await Command().run("precopy", "--source", nowhere, "--target", pair.target.conninfo),
                1,
                "cannot connect to the source",
                "HINT"
            )
            let outcome = try await Command().run("precopy", "--source", pair.source.conninfo, "--target", nowhere)
            expect(outcome, 1, "cannot connect to the target", "HINT")
            #expect(!outcome.errors.contains("hidden-word"))
            try await expectUntouched(pair)
        }
    }

    @Test func `a URL that is invalid or missing`() async throws {
        expect(
            try await Command().run("verify", "--source", "shop", "--target", "x=y"),
            64,
            "source's connection string"
        )
        let bare = Command(environment: ["TIDEMARK_SOURCE": "", "TIDEMARK_TARGET": ""])
        expect(try await bare.run("verify"), 64, "TIDEMARK_SOURCE")
        expect(try await Command().run("precopi"), 64)
        expect(try await Command().run("plan", "--chunk-size", "many"), 64)
        expect(try await Command().run("cutover", "--deadline", "2026-01-02T03:04"), 64, "2026-01-02T03:04 has passed")
    }

    @Test func `a folder for temporary files that does not exist`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let precopy = ["precopy", "--source", pair.source.conninfo, "--target", pair.target.conninfo]
            let nowhere = Command(environment: ["TMPDIR": "/not/there"])
            expect(try await nowhere.run(precopy, killAfter: nil), 1, "/not/there", "TMPDIR")
            expect(try await Command().run(precopy, killAfter: nil), 0)
        }
    }

    /// Empty means not set, not the root of the file system.
    @Test func `an empty name of the folder for temporary files`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let precopy = ["precopy", "--source", pair.source.conninfo, "--target", pair.target.conninfo]
            let command = Command(environment: ["TMPDIR": ""])
            let outcome = try await command.run(precopy, pauseAt: .definitionsDumped) {
                let names = try FileManager.default.contentsOfDirectory(atPath: "/")
                #expect(names.filter { $0.contains("tidemark") } == [])
            }
            expect(outcome, 0)
        }
    }

    @Test func `source and target are the same`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            // Also if the same server has another name.
            let alias = pair.source.conninfo.replacing("host=127.0.0.1", with: "host=localhost hostaddr=127.0.0.1")
            for act in ["precopy", "verify"] {
                expect(
                    try await Command().run(act, "--source", pair.source.conninfo, "--target", alias),
                    1,
                    "source and target are the same database"
                )
            }
            #expect(try await pair.source.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
        }
    }

    @Test func `a target that contains something else`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.target.run("CREATE TABLE precious AS SELECT 1 AS one")
            expect(
                try await Command().run("precopy", "--source", pair.source.conninfo, "--target", pair.target.conninfo),
                1,
                "not empty",
                "public.precious",
                "HINT"
            )
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
        }
    }

    @Test func `a table that does not exist`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let ends = ["--source", pair.source.conninfo, "--target", pair.target.conninfo]
            expect(
                try await Command().run(["precopy", "--exclude", "public.T"] + ends, killAfter: nil),
                64,
                "public.T",
                "did you mean public.t?"
            )
            expect(try await Command().run(["plan", "--whole", "t"] + ends, killAfter: nil), 64, "schema.table")
            try await expectUntouched(pair)
        }
    }

    @Test func `a command that does not exist`() async throws {
        expect(try await Command().run("precpy"), 64, "Did you mean 'precopy'?")
        let far = try await Command().run("elephants")
        #expect(far.code == 64 && !far.errors.contains("Did you mean"), "\(far.errors)")
    }

    @Test func `a configuration that is wrong`() async throws {
        for (text, word) in [
            ("tables:\n  public.t: sideways\n", "delta, append_only, whole"), ("job: 3\n", "unknown name 'job'"),
            ("jobs: [", "not valid YAML"),
            ("jobs: 0", "1 to 256"),
        ] {
            var path = Array("/tmp/tidemark-test-XXXXXX".utf8CString)
            let file = mkstemp(&path)
            _ = text.withCString { write(file, $0, strlen($0)) }
            close(file)
            let name = path.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
            defer { unlink(name) }
            expect(
                try await Command().run("plan", "--config", name, "--source", "host=x", "--target", "host=y"),
                64,
                name,
                word
            )
        }
    }

    @Test(.disabled(if: HostileDatabase.isWanted, "Only a superuser may create its casts."))
    func `rights that are missing`() async throws {
        let (reader, owner) = ("reader_\(getpid())", "owner_\(getpid())")
        try await DatabasePair.with(Self.schema + "; CREATE SEQUENCE s; CREATE ROLE \(reader) LOGIN") { pair in
            try await pair.target.run("CREATE ROLE \(owner) LOGIN")
            let source = pair.source.conninfo.replacing("user=postgres", with: "user=\(reader)")
            let target = pair.target.conninfo.replacing("user=postgres", with: "user=\(owner)")
            func precopy() async throws -> Command.Outcome {
                try await Command().run(
                    "precopy",
                    "--no-owner",
                    "--no-privileges",
                    "--source",
                    source,
                    "--target",
                    target
                )
            }
            expect(try await precopy(), 1, owner, "ALTER DATABASE")
            try await pair.target.run("ALTER DATABASE \(pair.name) OWNER TO \(owner)")
            expect(try await precopy(), 1, "may not read", "public.t", "GRANT SELECT")
            try await pair.source.run("GRANT SELECT ON t TO \(reader); ALTER TABLE t ENABLE ROW LEVEL SECURITY")
            expect(try await precopy(), 1, "row-level security", "public.t")
            try await pair.source.run("ALTER TABLE t DISABLE ROW LEVEL SECURITY")
            expect(try await precopy(), 1, "sequence", "public.s")
            try await expectUntouched(pair)
            // SELECT on the source and ownership of the target are sufficient.
            try await pair.source.run("GRANT SELECT ON SEQUENCE s TO \(reader)")
            #expect(try await precopy().code == 0)
            let cutover = try await Command().run(
                "cutover",
                "--no-owner",
                "--no-privileges",
                "--source",
                source,
                "--target",
                target
            )
            #expect(cutover.code == 0, "\(cutover.errors)\(cutover.output)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `a password is in no output and in no argument of a child process`() async throws {
        let secret = "Geh3im:\\n"
        let role = "secretive_\(getpid())"
        try await DatabasePair.with(
            Self.schema + "; CREATE ROLE \(role) LOGIN SUPERUSER PASSWORD '\(secret)'"
        ) { pair in
            let source = pair.source.conninfo.replacing("user=postgres", with: "user=\(role) password='Geh3im:\\\\n'")
            let folder = "/tmp/tidemark-test-\(getpid())-\(pair.name)"
            try Self.makeListeningTools(in: folder)
            let command = Command(environment: ["TIDEMARK_SOURCE": source, "TIDEMARK_TARGET": pair.target.conninfo])
            for act in [
                ["precopy", "--pg-bin", folder], ["cutover", "--json", "--pg-bin", folder], ["verify"],
                ["plan", "--json"],
            ] {
                let outcome = try await command.run(act, killAfter: nil)
                #expect(outcome.code == 0, "\(outcome.errors)")
                #expect(!(outcome.output + outcome.errors).contains("Geh3im"))
            }
            let heard =
                FileManager.default.contents(atPath: folder + "/heard").map { String(decoding: $0, as: UTF8.self) }
                ?? ""
            #expect(heard.contains("--schema-only"), "the tools' arguments were not recorded")
            #expect(!heard.contains("Geh3im"))
            try FileManager.default.removeItem(atPath: folder)
        }
    }

    /// Creates tools that record their arguments and environment before they do their work.
    private static func makeListeningTools(in folder: String) throws {
        let bin = try #require(ProcessInfo.processInfo.environment["TIDEMARK_TEST_PG_BIN"])
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for tool in ["pg_dump", "pg_restore"] {
            let script = "#!/bin/sh\n{ echo \"$0 $*\"; env; } >>\(folder)/heard\nexec \(bin)/\(tool) \"$@\"\n"
            try Data(script.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(tool)"))
            chmod("\(folder)/\(tool)", 0o755)
        }
    }

    @Test(.disabled(if: HostileDatabase.isWanted, "Only a superuser may create its casts."))
    func `objects that require a superuser are refused days ahead, not found during cutover`() async throws {
        let owner = "plain_\(getpid())"
        try await DatabasePair.with(
            Self.schema + """
                ; CREATE PUBLICATION everything FOR ALL TABLES;
                CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
                CREATE EVENT TRIGGER watch ON ddl_command_start EXECUTE FUNCTION nothing();
                """
        ) { pair in
            try await pair.target.run("CREATE ROLE \(owner) LOGIN; ALTER DATABASE \(pair.name) OWNER TO \(owner)")
            let ends = [
                "--no-owner", "--no-privileges", "--source", pair.source.conninfo, "--target",
                pair.target.conninfo.replacing("user=postgres", with: "user=\(owner)"),
            ]
            let refused = try await Command().run(["precopy"] + ends, killAfter: nil)
            expect(refused, 1, "event trigger", "--no-event-triggers", "--no-publications")
            try await expectUntouched(pair)
            let leaving = ["--no-event-triggers", "--no-publications"]
            #expect(try await Command().run(["precopy"] + ends + leaving, killAfter: nil).code == 0)
            let cutover = try await Command().run(["cutover"] + ends + leaving, killAfter: nil)
            #expect(cutover.code == 0, "\(cutover.errors)\(cutover.output)")
        }
    }
}
