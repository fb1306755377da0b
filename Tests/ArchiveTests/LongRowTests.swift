import Archive
import FoundationEssentials
import TestSupport
import Testing
import Tidemark

@Suite struct `A row larger than the memory limit` {
    /// The command's memory limit for rows of any size; without a row it needs about twenty.
    private static let mostMegabytes = 160

    /// Runs a command and returns its peak memory in megabytes, as counted by the system.
    private func peak(_ command: Command, _ line: String) async throws -> (outcome: Command.Outcome, megabytes: Int) {
        let outcome = try await command.shell(
            """
            python3 -c 'import resource, subprocess, sys
            code = subprocess.call(sys.argv[1:])
            print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
            sys.exit(code)' \(line)
            """
        )
        let last = outcome.output.split(separator: "\n").last { $0.hasPrefix("peak ") }
        return (outcome, last.flatMap { Int($0.dropFirst(5)) } ?? .max)
    }

    @Test(.onceIn(2)) func `is checked, merged and printed in bounded memory`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')") {
            pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                let size = 300_000_000
                let generation = try #require(try ArchiveDirectory.open(test.path).generations().first)
                let chunk = try #require(generation.manifest.tables.first?.chunks.first)
                let entry = try #require(chunk.written.first)
                let rewritten = RewrittenArchive(path: test.path)
                let content = #"printf '1\t'; head -c \#(size) /dev/zero | tr '\0' a; echo"#
                let written = try await rewritten.fill(entry, 0, with: content)
                #expect(written.contentBytes == size + 3 && written.rows == 1)
                let line = [UInt8(ascii: "1"), UInt8(ascii: "\t")] + [UInt8](repeating: UInt8(ascii: "a"), count: size)
                let hash = line.withUnsafeBytes { XXH64.hash($0) }
                try await rewritten.write(
                    try rewritten.manifest(0).replacing(
                        #""fingerprint":"\#(chunk.fingerprint)""#,
                        with: #""fingerprint":"\#(hash)""#
                    ),
                    0
                )
                let command = Command(environment: ["A": test.path])
                for line in [
                    #""$TIDEMARK" archive check --archive "$A""#,
                    #""$TIDEMARK" archive merge --archive "$A" --into "$A/merged" --quiet"#,
                    #""$TIDEMARK" archive check --archive "$A/merged""#,
                    #"bash -c '"$TIDEMARK" archive cat --archive "$A/merged" public.t >/dev/null'"#,
                ] {
                    let (outcome, megabytes) = try await peak(command, line)
                    #expect(outcome.code == 0, "\(line): \(outcome.errors)")
                    #expect(megabytes < Self.mostMegabytes, "\(line)")
                }
                // Another program can read the merged file, and the frame's header has its size.
                let merged = try #require(try ArchiveDirectory.open("\(test.path)/merged").generations().first)
                let file = try #require(merged.manifest.tables.first?.chunks.first?.written.first)
                #expect(file.frames == 1 && file.contentBytes == size + 3)
                let listed = try await Command.program("zstd", ["-lv", "\(merged.folder)/\(file.name)"])
                #expect(
                    listed.output.contains("(\(size + 3) B)") && listed.output.contains("XXH64"),
                    "\(listed.output)"
                )
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: merged.folder).allSatisfy {
                        !$0.hasSuffix(".row")
                    }
                )
            }
        }
    }

    @Test(arguments: [0, 2]) func `is written to the same files, whatever pieces it arrives in`(threads: Int) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/pieces-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var random = SplitMix(seed: 5)
        let lengths = [
            1, 3, 70_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20, 5, 900_000, 200_000, 1, 2 << 20, 17,
        ]
        let rows = lengths.map { length in
            (0..<length).map { $0 == length - 1 ? UInt8(ascii: "\n") : UInt8(97 + random.next(upTo: 4)) }
        }
        var number = 0
        func written(_ cut: (Int) -> Int) throws -> (files: [FileEntry], sum: LineSum) {
            let writer = try FrameWriter(Compression(level: 1, threads: threads)) {
                number += 1
                return try NewFile("0000000\(number).zst", in: folder)
            }
            var sum = LineSum()
            for row in rows {
                var start = 0
                while start < row.count {
                    let end = min(row.count, start + cut(row.count))
                    try row[start..<end].withUnsafeBytes {
                        try writer.append($0, endsRow: end == row.count)
                        sum.add($0, endsLine: end == row.count)
                    }
                    start = end
                }
            }
            return (try writer.finish(), sum)
        }
        let whole = try written { $0 }
        var known = LineSum()
        for row in rows { row.withUnsafeBytes { known.add($0) } }
        #expect(whole.sum == known)
        for _ in 0..<4 {
            let pieces = try written { _ in 1 + random.next(upTo: 300_000) }
            #expect(pieces.files.map(\.contentBytes) == whole.files.map(\.contentBytes))
            #expect(pieces.files.map(\.frames) == whole.files.map(\.frames))
            #expect(pieces.sum == known)
            var read: [[UInt8]] = []
            for file in pieces.files { try FrameReader(file, in: folder).readRows { read.append(Array($0)) } }
            #expect(read == rows)
        }
    }

    @Test func `is not read to its end after the reader is cancelled`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/cancelled-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let frames = try FrameWriter(Compression(level: 1)) { try NewFile("00000001.zst", in: folder) }
        try Array("row\n".utf8).withUnsafeBytes { try frames.append($0) }
        let file = try #require(try frames.finish().first)
        let reading = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try FrameReader(file, in: folder).readPieces { _, _ in }
        }
        await #expect(throws: CancellationError.self) { try await reading.value }
    }

    @Test(.onceIn(2)) func `is kept or deleted by its key, wherever the key's columns are`() async throws {
        let long = "(SELECT string_agg(md5((n * 1000 + k)::text), '') FROM generate_series(1, 60000) k)"
        try await DatabasePair.with(
            """
            CREATE TABLE first (id int PRIMARY KEY, v text); CREATE TABLE last (v text, b int, a text, PRIMARY KEY (a, b));
            INSERT INTO first SELECT n, \(long) FROM generate_series(1, 4) n;
            INSERT INTO first SELECT n, 'short' FROM generate_series(10, 60) n;
            INSERT INTO last SELECT \(long), n, E'k\\t' || n FROM generate_series(1, 4) n;
            INSERT INTO last SELECT 'short', n, 'k' || n FROM generate_series(10, 60) n
            """
        ) { pair in
            try await TestArchive.with(pair) { test in
                let archive = test.archive { $0.options.plan.wholeBelowBytes = 0 }
                _ = try await archive.dump(from: pair.source.endpoint)
                for change in ["DELETE FROM TABLE WHERE b IN (2, 11); UPDATE TABLE SET v = v || 'x' WHERE b IN (3, 12)"]
                {
                    try await pair.source.run(change.replacing("TABLE", with: "last"))
                    try await pair.source.run(change.replacing("TABLE", with: "first").replacing("b IN", with: "id IN"))
                }
                _ = try await archive.dump(from: pair.source.endpoint)
                try await pair.source.run("DELETE FROM last WHERE b = 1; DELETE FROM first WHERE id = 4")
                _ = try await archive.dump(from: pair.source.endpoint)
                try await TestArchive.with(pair) { merged in
                    _ = try await archive.merge(into: merged.path)
                    try await merged.archive().check()
                    let report = try await merged.archive().restore(to: pair.target.endpoint)
                    #expect(report.outcome == .done, "\(report.text)")
                    let source = try await pair.source.contents()
                    #expect(try await pair.target.contents() == source)
                }
            }
        }
    }
}
