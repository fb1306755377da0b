import Archive
import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Tidemark

@Suite struct `An archive as a stream` {
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, u int UNIQUE, v text);
        INSERT INTO t SELECT n, n, repeat(md5(n::text), 4) FROM generate_series(1, 8000) n;
        CREATE TABLE s (v text); INSERT INTO s VALUES ('a'), ('b'); SELECT lo_from_bytea(7000, 'large'); ANALYZE
        """

    private static func shell(_ script: String, _ pair: DatabasePair, target: TestDatabase? = nil) async throws
        -> Command.Outcome
    {
        let variables =
            "export TIDEMARK_SOURCE='\(pair.source.conninfo)' TIDEMARK_TARGET='\((target ?? pair.target).conninfo)'"
        return try await Command.program(
            "bash",
            ["-o", "pipefail", "-c", "\(variables); tidemark() { '\(Command.path)' \"$@\"; }; \(script)"]
        )
    }

    @Test func `can be unpacked by tar, base and deltas, and leaves no files behind`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                let manifests = test.path + "-manifests"
                defer { try? FileManager.default.removeItem(atPath: manifests) }
                mkdir(test.path, 0o700)
                let dump =
                    "tidemark dump --archive - --manifests '\(manifests)' --chunk-size 64kB --whole-below 8kB --quiet | tar x -C '\(test.path)'"
                let base = try await Self.shell(dump, pair)
                #expect(base.code == 0, "\(base.errors)")
                try await pair.source.run(
                    "UPDATE t SET u = -u WHERE id % 100 = 0; DELETE FROM t WHERE id = 77; INSERT INTO s VALUES ('c')"
                )
                let delta = try await Self.shell(dump, pair)
                #expect(delta.code == 0 && delta.errors.contains("dump: DONE"), "\(delta.errors)")
                let left = try await Command.program("find", [manifests, "-type", "f"])
                #expect(left.output.split(separator: "\n").count == 3, "\(left.output)")
                try await test.archive().check()
                let report = try await test.archive().restore(to: pair.target.endpoint)
                #expect(report.outcome == .done, "\(report.text)")
                #expect(try await pair.target.contents() == pair.source.contents())
            }
        }
    }

    @Test func `goes from server to server without a folder, completely or not at all`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                for (number, cut) in [
                    "head -c 5000", "head -c 100000", "tail -c +513", "sed s/generation/regeneration/",
                ].enumerated() {
                    try await test.withEmptyTarget("cut_\(number)") { target in
                        let broken = try await Self.shell(
                            "(tidemark dump --archive - --quiet || true) 2>/dev/null | \(cut) | tidemark restore --archive - --quiet",
                            pair,
                            target: target
                        )
                        #expect(broken.code == 1, "\(cut): \(broken.errors)")
                        #expect(try await target.contents() == [:], "\(cut)")
                    }
                }
                let piped = try await Self.shell(
                    "tidemark dump --archive - --quiet | tidemark restore --archive - --quiet",
                    pair
                )
                #expect(piped.code == 0, "\(piped.errors)")
                #expect(try await pair.target.contents() == pair.source.contents())
            }
        }
    }

    @Test func `leaves no files behind when its reader exits`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                let scratch = test.path + "-scratch"
                mkdir(scratch, 0o700)
                defer { try? FileManager.default.removeItem(atPath: scratch) }
                for manifests in ["", "--manifests '\(test.path)'"] {
                    let broken = try await Self.shell(
                        "export TMPDIR='\(scratch)'; { tidemark dump --archive - \(manifests) --quiet; echo \"code $?\" >&2; } | head -c 2000 >/dev/null",
                        pair
                    )
                    #expect(broken.errors.contains("code 1"), "\(broken.errors)")
                    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch) == [])
                }
                // No delta may depend on a generation that was not received.
                #expect(!FileManager.default.fileExists(atPath: "\(test.path)/generation-000000/manifest.json"))
            }
        }
    }

    @Test(arguments: [
        "mkdir g; echo x > g/evil; tar c --transform 's|g/evil|../evil|' -P g/evil",
        "mkdir g; echo x > g/evil; tar c --transform 's|g/evil|/tmp/evil|' -P g/evil",
        "mkdir generation-000000; ln -s /etc/passwd generation-000000/manifest.json; tar c generation-000000/manifest.json",
        "mkdir -p generation-000000; mkfifo generation-000000/00000001.zst; tar c generation-000000/00000001.zst",
        "mkdir -p generation-000000; echo x > generation-000000/evil.sh; tar c generation-000000/evil.sh",
        "echo x > archive.json; tar c archive.json archive.json", "head -c 512 /dev/urandom",
    ])
    func `refuses files that do not belong to an archive`(_ script: String) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/tar-" + UUID().uuidString
        mkdir(folder, 0o700)
        mkdir("\(folder)/into", 0o700)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let made = try await Command.program("bash", ["-c", "cd '\(folder)' && { \(script); } > stream.tar"])
        #expect(made.code == 0, "\(made.errors)")
        let stream = open("\(folder)/stream.tar", O_RDONLY)
        defer { close(stream) }
        #expect(throws: ArchiveError.self) { try DatabaseArchive("\(folder)/into").receive(from: stream) }
        let found = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/into")
        #expect(Set(found).isSubset(of: ["generation-000000", "archive.json"]))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/evil"))
    }
}
