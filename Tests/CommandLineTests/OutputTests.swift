import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite struct `Output that cannot be written` {
    private static let schema = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)"

    private static func folder() -> String { FileManager.default.temporaryDirectory.path + "/out-\(UUID().uuidString)" }

    private static func command(_ pair: DatabasePair) -> Command {
        Command(environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo])
    }

    private func expect(_ outcome: Command.Outcome, _ code: Int32, _ words: String...) {
        #expect(outcome.code == code, "\(outcome.errors)\(outcome.output)")
        for word in words { #expect(outcome.errors.contains(word), "'\(word)' is not in: \(outcome.errors)") }
        #expect(!outcome.errors.contains("Cocoa") && !outcome.errors.contains("NSPOSIX"), "\(outcome.errors)")
    }

    @Test func `of a report changes neither the verdict nor the exit code`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let (tools, report, archive) = (Self.folder(), Self.folder(), Self.folder())
            defer { for path in [tools, report, archive] { try? FileManager.default.removeItem(atPath: path) } }
            // While the command runs, the folder is deleted and a file takes its name.
            try Command.makeTools(
                in: tools,
                running: ["pg_dump": "if [ \"$1\" != --version ]; then rm -rf \(report); : >\(report); fi"]
            )
            let command = Self.command(pair)
            func run(_ arguments: String...) async throws -> Command.Outcome {
                if access(report, F_OK) == 0 { try FileManager.default.removeItem(atPath: report) }
                return try await command.run(arguments + ["--report", report], killAfter: nil)
            }
            expect(
                try await run("precopy", "--pg-bin", tools),
                0,
                "\(report)/report.json: Not a directory",
                "junit.xml"
            )
            // Without a change of the source's catalogs, pg_dump would not run again.
            try await pair.source.run("CREATE TABLE later (id int)")
            let cutover = try await run("cutover", "--pg-bin", tools)
            expect(cutover, 0, "cannot write \(report)/report.html: Not a directory", "HINT")
            #expect(cutover.output.contains("PROVEN"), "\(cutover.output)")
            expect(try await run("dump", "--archive", archive, "--pg-bin", tools), 0, "\(report)/report.md")
            // A failed run reports why, then what could not be written.
            let failed = try await run("dump", "--archive", "/proc/nowhere", "--pg-bin", tools)
            expect(failed, 1, "/proc/nowhere")
        }
    }

    @Test func `on a full disk is reported file by file, and files that fit are written`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let folder = Self.folder()
            mkdir(folder, 0o700)
            defer { rmdir(folder) }
            let mounted = try await Command.program("mount", ["-t", "tmpfs", "-o", "size=32k", "tmpfs", folder])
            // Mounting requires root.
            guard mounted.code == 0 else { return }
            defer { umount2(folder, Int32(MNT_DETACH)) }
            let command = Self.command(pair)
            #expect(try await command.run("precopy").code == 0)
            _ = try await command.shell("head -c 100000 /dev/zero >\(folder)/full")
            let cutover = try await command.run("cutover", "--report", folder)
            expect(
                cutover,
                0,
                "cannot write \(folder)/report.json: No space left on device",
                "report.html",
                "junit.xml"
            )
            #expect(cutover.output.contains("PROVEN"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["full"], "no partial file is left")
            try await pair.target.run("DELETE FROM t WHERE id = 1")
            let verify = try await command.run("verify", "--report", folder)
            expect(verify, 2, "No space left on device")
            #expect(verify.output.contains("public.t"))
        }
    }

    @Test func `to temporary files is reported with their folder`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let folder = Self.folder()
            mkdir(folder, 0o700)
            defer { rmdir(folder) }
            let mounted = try await Command.program("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", folder])
            guard mounted.code == 0 else { return }
            defer { umount2(folder, Int32(MNT_DETACH)) }
            let environment = [
                "TIDEMARK_SOURCE": pair.source.conninfo + " password=secret", "TIDEMARK_TARGET": pair.target.conninfo,
                "TMPDIR": folder,
            ]
            let command = Command(environment: environment)
            _ = try await command.shell("head -c 100000 /dev/zero >\(folder)/full")
            expect(try await command.run("precopy"), 1, "No space left on device", folder, "TMPDIR")
        }
    }

    @Test(
        .onceIn(2),
        arguments: Cases.some(
            1,
            of: [
                (">/dev/full", "standard output: No space left on device"), ("| :", "standard output: Broken pipe"),
                (">&-", "standard output: Bad file descriptor"),
            ]
        )
    )
    func `to standard output is reported on standard error`(redirection: String, reason: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let archive = Self.folder()
            defer { try? FileManager.default.removeItem(atPath: archive) }
            let command = Self.command(pair)
            func run(_ arguments: String) async throws -> Command.Outcome {
                // The reader exits before anything is written.
                let line = redirection == "| :" ? "sleep 0.3; \"$TIDEMARK\" \(arguments)" : "\"$TIDEMARK\" \(arguments)"
                return try await command.shell("{ \(line); } \(redirection); exit ${PIPESTATUS[0]}")
            }
            // The work is done, or the exit code is its verdict.
            for arguments in ["inspect", "precopy", "cutover --json", "verify", "dump --archive \(archive)"] {
                expect(try await run(arguments), 0, reason)
            }
            expect(try await run("archive check --archive \(archive)"), 0, reason)
            // The printed text is the only result of these commands.
            for arguments in [
                "plan", "status --json", "archive list --archive \(archive)",
                "archive cat --archive \(archive) public.t",
                "dump --archive -",
            ] {
                expect(try await run(arguments), 1, reason.replacing("standard output: ", with: ""))
            }
            try await pair.target.run("DELETE FROM t WHERE id = 1; ALTER TABLE t DROP CONSTRAINT t_pkey")
            expect(try await run("rebuild --dry-run"), 1, reason)
            expect(try await run("verify"), 2, reason)
            expect(try await run("rebuild --concurrently"), 0, reason)
            expect(try await run("finish"), 0, reason)
            #expect(try await pair.target.value("SELECT to_regnamespace('tidemark') IS NULL") == "t")
        }
    }
}
