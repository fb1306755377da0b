import Archive
import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Tidemark

@Suite struct `An archive whose client is killed at the start` {
    private static let schema = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)"

    /// The files that each of the first steps leaves, with their contents.
    private static let states: [[String: String]] = [
        [:],
        ["archive.json.new": ""],
        ["archive.json.new": #"{"archive":"5E2A"#],
        ["archive.json.new": #"{"archive":"A","createdAt":"2026-11-01T00:00:00Z","format":1}"#],
        ["archive.json": #"{"archive":"A","createdAt":"2026-11-01T00:00:00Z","format":1}"#],
        [
            "archive.json": #"{"archive":"A","createdAt":"2026-11-01T00:00:00Z","format":1}"#,
            "generation-000000/journal.jsonl.new": "",
        ],
        [
            "archive.json": #"{"archive":"A","createdAt":"2026-11-01T00:00:00Z","format":1}"#,
            "generation-000000/journal.jsonl": "", "generation-000000/00000001.dump": "PG",
        ],
        [
            "archive.json": #"{"archive":"A","createdAt":"2026-11-01T00:00:00Z","format":1}"#,
            "generation-000000/journal.jsonl": "{", "generation-000000/00000002.zst": "",
            "generation-000000/manifest.json.new": #"{"archive":"#,
        ],
    ]

    private static func leave(_ state: [String: String], in folder: String) throws {
        mkdir(folder, 0o700)
        for (name, content) in state {
            if name.hasPrefix("generation-000000/") { mkdir("\(folder)/generation-000000", 0o700) }
            try Data(content.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
    }

    /// Checks that the archive is complete, holds the rows, and has no files of earlier calls.
    private static func expectWhole(_ folder: String) async throws {
        let archive = DatabaseArchive(folder)
        try await archive.check()
        #expect(try archive.report().generations.map(\.rows) == [100])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
                "archive.json", "generation-000000",
            ]
        )
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/generation-000000")
        #expect(!names.contains { $0.hasPrefix("journal") || $0.hasSuffix(".new") })
    }

    @Test func `is resumed by the same dump or merge, from each step`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { base in
                _ = try await base.archive().dump(from: pair.source.endpoint)
                for state in Self.states {
                    try await TestArchive.with(pair) { test in
                        try Self.leave(state, in: test.path)
                        _ = try await test.archive().dump(from: pair.source.endpoint)
                        try await Self.expectWhole(test.path)
                    }
                    try await TestArchive.with(pair) { test in
                        try Self.leave(state, in: test.path)
                        _ = try await base.archive().merge(into: test.path)
                        try await Self.expectWhole(test.path)
                    }
                }
            }
        }
    }

    @Test(.onceIn(3)) func `is resumed after a kill at any moment`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { base in
                _ = try await base.archive().dump(from: pair.source.endpoint)
                let command = Command(environment: ["TIDEMARK_SOURCE": pair.source.conninfo])
                let steps = [
                    "", "/archive.json.new", "/archive.json", "/generation-000000",
                    "/generation-000000/journal.jsonl.new", "/generation-000000/journal.jsonl",
                    "/generation-000000/00000001.dump", "/generation-000000/manifest.json.new",
                    "/generation-000000/manifest.json",
                ]
                for arguments in [
                    ["dump", "--quiet", "--archive"], ["archive", "merge", "--archive", base.path, "--into"],
                ] {
                    for step in steps {
                        try await TestArchive.with(pair) { test in
                            let call = arguments + [test.path]
                            _ = try await command.run(call, killWhenThere: test.path + step)
                            let again = try await command.run(call, killAfter: nil)
                            #expect(again.code == 0, "\(step): \(again.errors)")
                            try await DatabaseArchive(test.path).check()
                        }
                    }
                }
            }
        }
    }

    @Test func `is complete if the merge was killed after its last step, and refuses a different merge`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { base in
                _ = try await base.archive().dump(from: pair.source.endpoint)
                try await pair.source.run("DELETE FROM t WHERE id = 1")
                _ = try await base.archive().dump(from: pair.source.endpoint)
                try await TestArchive.with(pair) { test in
                    _ = try await base.archive().merge(into: test.path)
                    let journal = "\(test.path)/generation-000000/journal.jsonl"
                    try Data().write(to: URL(fileURLWithPath: journal))
                    let again = try await base.archive().merge(into: test.path)
                    #expect(again.outcome == .done)
                    #expect(!FileManager.default.fileExists(atPath: journal))
                    await #expect(throws: ArchiveError.self) {
                        _ = try await base.archive().merge(into: test.path, until: 0)
                    }
                }
            }
        }
    }

    @Test func `is refused if the folder contains anything else`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            for names in [["notes.txt"], ["archive.json.new", "notes.txt"], ["manifest.json.new"]] {
                try await TestArchive.with(pair) { test in
                    try Self.leave(Dictionary(uniqueKeysWithValues: names.map { ($0, "") }), in: test.path)
                    let error = await #expect(throws: ArchiveError.self) {
                        _ = try await test.archive().dump(from: pair.source.endpoint)
                    }
                    #expect(error?.code == .refused)
                    #expect(try FileManager.default.contentsOfDirectory(atPath: test.path).sorted() == names.sorted())
                }
            }
        }
    }
}
