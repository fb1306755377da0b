import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Tidemark

@Suite struct `An archive and its client` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, u int UNIQUE, v text);
        INSERT INTO t SELECT n, n, repeat(md5(n::text), 8) FROM generate_series(1, 30000) n; CREATE INDEX ON t (v);
        CREATE TABLE s (id int PRIMARY KEY, v text); INSERT INTO s SELECT n, repeat('s', 300) FROM generate_series(1, 20000) n;
        ANALYZE
        """

    private static let options = ["--chunk-size", "256kB", "--whole-below", "8kB", "--quiet"]

    @Test(.onceIn(2)) func `resume after a kill without losing rows or keeping partial files`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                let command = Command(
                    environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
                )
                var kills = 0
                func again(_ arguments: [String], killed times: Int) async throws {
                    var isDone = false
                    for attempt in 0...times where !isDone {
                        let delay = attempt == times ? nil : Duration.milliseconds(350 + 120 * attempt)
                        let outcome = try await command.run(arguments, killAfter: delay)
                        isDone = outcome.code == 0
                        // It was killed or it finished; it must not fail.
                        if outcome.code == nil { kills += 1 } else { #expect(isDone, "\(outcome.errors)") }
                    }
                }
                let dump = ["dump", "--archive", test.path] + Self.options
                try await again(dump, killed: 4)
                try await pair.source.run("UPDATE t SET u = -u WHERE id % 50 = 0; DELETE FROM s WHERE id % 40 = 1")
                try await again(dump, killed: 3)
                try await test.archive().check()
                // No files of interrupted calls are left.
                for generation in ["generation-000000", "generation-000001"] {
                    let names = try FileManager.default.contentsOfDirectory(atPath: "\(test.path)/\(generation)")
                    #expect(!names.contains { $0.hasPrefix("journal") || $0.hasSuffix(".new") })
                }
                try await again(["restore", "--archive", test.path, "--until", "0", "--ahead", "--quiet"], killed: 4)
                try await again(["restore", "--archive", test.path, "--quiet"], killed: 4)
                #expect(kills > 0)
                #expect(try await pair.differingTables() == [])
            }
        }
    }

    @Test func `report a full disk, and resume when there is space`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let folder = FileManager.default.temporaryDirectory.path + "/small-" + UUID().uuidString
            mkdir(folder, 0o700)
            defer { rmdir(folder) }
            let mounted = try await Command.program("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder])
            // Mounting requires root.
            guard mounted.code == 0 else { return }
            defer { umount2(folder, Int32(MNT_DETACH)) }
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let dump = ["dump", "--archive", "\(folder)/a"] + Self.options
            let full = try await command.run(dump, killAfter: nil)
            #expect(full.code == 1)
            #expect(
                full.errors.contains("No space left on device") && full.errors.contains("\(folder)/a/generation-000000")
            )
            let resized = try await Command.program("mount", ["-o", "remount,size=100m", folder])
            #expect(resized.code == 0)
            let done = try await command.run(dump, killAfter: nil)
            #expect(done.code == 0, "\(done.errors)")
            let restored = try await command.run(["restore", "--archive", "\(folder)/a", "--quiet"], killAfter: nil)
            #expect(restored.code == 0, "\(restored.errors)")
            #expect(try await pair.differingTables() == [])
        }
    }
}
